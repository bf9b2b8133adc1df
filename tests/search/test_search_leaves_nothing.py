"""A search keeps its features and tables no longer than somebody holds its study."""

import gc
import weakref

import mrtoolkit as mrt
from mrtoolkit import P


def test_a_study_let_go_of_frees_its_features_without_a_garbage_collection():
    bars = mrt.data.simulate(bars=400, freq="1h", seed=0)
    gc.collect()
    gc.disable()
    try:
        store = mrt.FeatureStore()
        backtest = mrt.Backtest(bars, mrt.Strategy(entry=mrt.ema(P.fast) > mrt.ema(P.slow)), store=store)
        space = mrt.Space(fast=mrt.Integer(2, 9), slow=mrt.Integer(10, 20))
        study = mrt.optimize(backtest, space, trials=20)
        held = [weakref.ref(store), weakref.ref(backtest), weakref.ref(study)]
        assert len(study) == 20
        del store, backtest
        assert all(one() is not None for one in held)
        del study
        assert all(one() is None for one in held)
    finally:
        gc.enable()
