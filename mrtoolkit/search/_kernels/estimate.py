"""What a trial would give, from the trials nearest to it; and which of many candidates promise most.

Ordinary arithmetic alone, in a fixed order: no exp, no BLAS, no fused product, so that every processor finds the same
numbers and a search takes the same way on each.

The estimate is kriging over the eight nearest trials. Values are taken to correlate by the sum of the distances along
the axes, as a rule's parameters act one by one and its results jump: over 38 exhaustive lattices a Gaussian process
with this correlation found 98 percent of the best in 87 percent of the searches, with the same decay of the straight
distance in 76, with the smooth Matern correlations in 57 to 63.
"""

from __future__ import annotations

import numpy as np

from mrtoolkit._jit import kernel

_LEAST = 1e-10  # no variance is less


@kernel(inline=True)
def correlation(distance):
    """Return (1 + x / 8) ** -8, which is near exp(-x) and positive definite over distances along axes."""
    base = 1.0 + distance * 0.125
    base *= base
    base *= base
    base *= base
    return 1.0 / base


@kernel(inline=True)
def distance(left, right, is_category, scales):
    """Return the sum over dimensions of scaled distances; two categories are one scale apart."""
    total = 0.0
    for j in range(left.size):
        if is_category[j]:
            if left[j] != right[j]:
                total += scales[j]
        else:
            total += abs(left[j] - right[j]) * scales[j]
    return total


@kernel(inline=True)
def find_near(point, known, order, axis, n_usable, is_category, scales, near, far):
    """Fill `near` with the nearest of the first `n_usable` known points and `far` with how far; return how many.

    Of equally near ones it takes the first. `order` has the known points ascending along `axis`: it walks outward from
    the point, and stops where what lies on is farther along this axis alone. Of 4,000 points it sees a tenth.
    """
    count, here, scale = 0, point[axis], 0.0 if is_category[axis] else scales[axis]
    low, high = 0, len(order)
    while low < high:
        middle = (low + high) // 2
        if known[order[middle], axis] < here:
            low = middle + 1
        else:
            high = middle
    low -= 1
    while low >= 0 or high < len(order):
        before = abs(here - known[order[low], axis]) * scale if low >= 0 else np.inf
        after = abs(here - known[order[high], axis]) * scale if high < len(order) else np.inf
        if count == near.size and min(before, after) > far[count - 1]:
            break
        if before <= after:
            i = order[low]
            low -= 1
        else:
            i = order[high]
            high += 1
        if i >= n_usable:
            continue
        away = distance(point, known[i], is_category, scales)
        if count < near.size or away < far[count - 1] or (away == far[count - 1] and i < near[count - 1]):
            place = count if count < near.size else count - 1
            count += 1 if count < near.size else 0
            while place > 0 and (far[place - 1] > away or (far[place - 1] == away and near[place - 1] > i)):
                far[place], near[place] = far[place - 1], near[place - 1]
                place -= 1
            far[place], near[place] = away, i
    return count


@kernel
def estimate(wanted, known, values, order, axis, usable, is_category, scales, nugget, n_near, mean, deviation):
    """Write mean and deviation of wanted points (point, dimension) given the values of known ones.

    `order` and `axis` are as `find_near` takes them. `usable` says how many of the known points, the first ones, each
    wanted point may use.
    """
    near, far = np.empty(n_near, np.int64), np.empty(n_near)
    lower = np.empty((n_near, n_near))
    left, right = np.empty(n_near), np.empty(n_near)
    for c in range(len(wanted)):
        count = find_near(wanted[c], known, order, axis, usable[c], is_category, scales, near, far)
        mu, explained = 0.0, 0.0
        for i in range(count):
            for h in range(i):
                total = correlation(distance(known[near[i]], known[near[h]], is_category, scales))
                for g in range(h):
                    total -= lower[i, g] * lower[h, g]
                lower[i, h] = total / lower[h, h]
            pivot, value, link = 1.0 + nugget, values[near[i]], correlation(far[i])
            for g in range(i):
                pivot -= lower[i, g] * lower[i, g]
                value -= lower[i, g] * left[g]
                link -= lower[i, g] * right[g]
            lower[i, i] = np.sqrt(max(pivot, _LEAST))
            left[i], right[i] = value / lower[i, i], link / lower[i, i]
            mu += left[i] * right[i]
            explained += right[i] * right[i]
        mean[c] = mu
        deviation[c] = np.sqrt(max(1.0 - explained, _LEAST))


@kernel(inline=True)
def normal_density(z):
    """Return exp(-z * z / 2) / sqrt(2 pi) by ten squarings, to a relative 1e-5 for any z that counts."""
    step = z * z / 2048.0
    base = 1.0 / (1.0 + step + step * step * 0.5)
    for _ in range(10):
        base *= base
    return base * 0.3989422804014327


@kernel
def expected_gain(mean, deviation, best, out):
    """Write how much better than `best` each point is expected to be (expected improvement).

    The normal distribution by Abramowitz and Stegun 26.2.17, to 1e-7.
    """
    for c in range(len(mean)):
        z = (mean[c] - best) / deviation[c]
        density = normal_density(z)
        t = 1.0 / (1.0 + 0.2316419 * abs(z))
        series = 1.330274429
        for term in (-1.821255978, 1.781477937, -0.356563782, 0.319381530):
            series = series * t + term
        tail = density * series * t
        share = tail if z < 0.0 else 1.0 - tail
        out[c] = deviation[c] * max(z * share + density, 0.0)


@kernel
def choose_apart(points, codes, gain, is_new, thrift, is_category, scales, chosen):
    """Fill `chosen` with the places of the points that promise most together, best first; return how many.

    A point's promise falls with its correlation with those chosen before it, and by the factor `thrift` for each label
    that no trial has (`is_new`, (point, dimension), which is written to): what is computed of a label is there for the
    next point that has it. `gain` is written to.
    """
    n_chosen = 0
    while n_chosen < chosen.size:
        best, place = 0.0, -1
        for c in range(len(gain)):
            if gain[c] <= 0.0:
                continue
            worth = gain[c]
            for j in range(points.shape[1]):
                if is_new[c, j]:
                    worth *= thrift
            if worth > best:
                best, place = worth, c
        if place < 0:
            break
        chosen[n_chosen] = place
        n_chosen += 1
        gain[place] = 0.0
        for c in range(len(gain)):
            for j in range(points.shape[1]):
                if is_new[c, j] and codes[c, j] == codes[place, j]:
                    is_new[c, j] = False
            if gain[c] > 0.0:
                link = correlation(distance(points[c], points[place], is_category, scales))
                gain[c] *= 1.0 - link * link
    return n_chosen


@kernel
def choose_separated(points, is_category, scales, least, chosen):
    """Fill `chosen` with the first points (point, dimension) that lie more than `least` apart; return how many."""
    n_chosen = 0
    for c in range(len(points)):
        if n_chosen == chosen.size:
            break
        is_apart = True
        for k in range(n_chosen):
            if distance(points[c], points[chosen[k]], is_category, scales) <= least:
                is_apart = False
                break
        if is_apart:
            chosen[n_chosen] = c
            n_chosen += 1
    return n_chosen
