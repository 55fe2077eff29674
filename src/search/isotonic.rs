//! Isotonic regression: pools of neighbouring points whose means are in order.

/// The pools of some points in order (pool adjacent violators): a pool joins the one before it
/// until `in_order` holds of the two.
pub fn pools<P: Copy>(
    points: impl IntoIterator<Item = P>,
    in_order: impl Fn(&P, &P) -> bool,
    join: impl Fn(P, P) -> P,
) -> Vec<P> {
    let mut pools: Vec<P> = Vec::new();
    for point in points {
        let mut pool = point;
        while let Some(last) = pools.pop_if(|last| !in_order(last, &pool)) {
            pool = join(last, pool);
        }
        pools.push(pool);
    }
    pools
}
