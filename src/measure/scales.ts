/** Sizes of θ at which a network is tried for what must hold at every size. */

/**
 * Powers of two, in which exact homogeneity has no rounding. They reach from where tanh of an input of 1e9 is linear to where tanh of one of 1e-9
 * is a sign; between neighbours an activation with a scale of its own cannot hide: tanh(u) shows that it is neither linear nor a sign for u from 3e-5 to 10.
 */
export const SCALES: readonly number[] = [-60, -45, -30, -15, 0, 15, 30, 45, 60].map((k) => 2 ** k);

/** Sizes of numbers between which nothing has vanished or overflowed on the way: 1/range to range. */
export const RANGE = { float64: 1e200, float32: 1e25 } as const;
