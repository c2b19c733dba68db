//! L-BFGS: minimises a smooth convex function (Liu and Nocedal 1989; Nocedal and Wright, Numerical Optimization, 7.4).
//!
//! Steps are halved until they give enough of what the slope promises (Armijo), or, where that is lost in rounding, until the
//! slope at their end is less steep (Hager and Zhang 2005). As the function is convex, every step tells its curvature.

use std::collections::VecDeque;

/// Steps whose curvature is remembered.
const HISTORY: usize = 10;
/// The part of the promised decrease that a step must give.
const ENOUGH: f64 = 1e-4;
/// Differences of heights below this share of them are rounding.
const ROUNDING: f64 = 1e-13;
/// The most that may be left of the slope where heights do not tell.
const LEFT: f64 = 0.9;
/// Halvings after which a step is too short to change anything.
const HALVINGS: usize = 60;

/// Where the search has ended.
pub(super) struct Minimum {
    pub(super) at: Vec<f64>,
    /// The largest number of the gradient.
    pub(super) gradient: f64,
}

/// A step `s`, the change of the gradient `y` over it, and `1 / y·s`.
struct Curvature {
    s: Vec<f64>,
    y: Vec<f64>,
    rho: f64,
}

/// Goes from `at` downwards until no number of the gradient is above `tolerance`, for at most so many iterations.
pub(super) fn minimise(
    value: impl Fn(&[f64]) -> (f64, Vec<f64>),
    mut at: Vec<f64>,
    tolerance: f64,
    iterations: usize,
) -> Minimum {
    let (mut height, mut gradient) = value(&at);
    let mut known: VecDeque<Curvature> = VecDeque::new();
    for _ in 0..iterations {
        if largest(&gradient) <= tolerance {
            return Minimum { gradient: largest(&gradient), at };
        }
        let direction = direction(&gradient, &known);
        let slope = dot(&direction, &gradient);
        // The first step has no curvature to go by: as long as the gradient, at most 1.
        let mut length = if known.is_empty() { 1f64.min(1.0 / dot(&gradient, &gradient).sqrt()) } else { 1.0 };
        let tried = (0..HALVINGS).find_map(|_| {
            let there: Vec<f64> = at.iter().zip(&direction).map(|(x, d)| x + length * d).collect();
            let (new_height, new_gradient) = value(&there);
            let enough = new_height <= height + ENOUGH * length * slope
                || new_height <= height + ROUNDING * height.abs()
                    && dot(&direction, &new_gradient).abs() <= LEFT * slope.abs();
            length *= 0.5;
            enough.then_some((there, new_height, new_gradient))
        });
        let Some((there, new_height, new_gradient)) = tried else {
            return Minimum { gradient: largest(&gradient), at };
        };
        let s: Vec<f64> = there.iter().zip(&at).map(|(new, old)| new - old).collect();
        let y: Vec<f64> = new_gradient.iter().zip(&gradient).map(|(new, old)| new - old).collect();
        let curvature = dot(&y, &s);
        // Rounding alone can make it 0 or less.
        if curvature > 0.0 {
            known.push_back(Curvature { rho: 1.0 / curvature, s, y });
            if known.len() > HISTORY {
                known.pop_front();
            }
        }
        (at, height, gradient) = (there, new_height, new_gradient);
    }
    Minimum { gradient: largest(&gradient), at }
}

/// `−H g` by the two loops over the remembered steps.
fn direction(gradient: &[f64], known: &VecDeque<Curvature>) -> Vec<f64> {
    let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut alphas = Vec::with_capacity(known.len());
    for Curvature { s, y, rho } in known.iter().rev() {
        let alpha = rho * dot(s, &q);
        q.iter_mut().zip(y).for_each(|(q, y)| *q -= alpha * y);
        alphas.push(alpha);
    }
    if let Some(Curvature { y, rho, .. }) = known.back() {
        let scale = 1.0 / (rho * dot(y, y));
        q.iter_mut().for_each(|q| *q *= scale);
    }
    for (Curvature { s, y, rho }, alpha) in known.iter().zip(alphas.into_iter().rev()) {
        let beta = rho * dot(y, &q);
        q.iter_mut().zip(s).for_each(|(q, s)| *q += (alpha - beta) * s);
    }
    q
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn largest(numbers: &[f64]) -> f64 {
    numbers.iter().map(|x| x.abs()).fold(0.0, f64::max)
}
