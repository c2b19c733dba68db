//! The eigenvalues of a symmetric tridiagonal matrix by QL steps with implicit shifts (Golub & Van Loan, "Matrix Computations",
//! section 8.3.3; Dubrulle, Martin & Wilkinson 1968). Values only: no vectors are accumulated.

/// Steps for one eigenvalue; two or three are usual.
const STEPS: usize = 60;

/// The eigenvalues of the matrix with that diagonal and those entries beside it (one less), in no order.
pub(super) fn eigenvalues(mut diagonal: Vec<f64>, mut beside: Vec<f64>) -> Vec<f64> {
    let size = diagonal.len();
    beside.resize(size, 0.0);
    for first in 0..size {
        for _ in 0..STEPS {
            let last = unlinked(&diagonal, &beside, first);
            if last == first {
                break;
            }
            step(&mut diagonal, &mut beside, first, last);
        }
    }
    diagonal
}

/// The end of the block that begins at `first`: the first place from there on that nothing links to the next one.
fn unlinked(diagonal: &[f64], beside: &[f64], first: usize) -> usize {
    let links = |i: usize| beside[i].abs() > f64::EPSILON * (diagonal[i].abs() + diagonal[i + 1].abs());
    (first..diagonal.len() - 1).find(|&i| !links(i)).unwrap_or(diagonal.len() - 1)
}

/// One QL step on the block `first ..= last`: a rotation at its end by the shift, and the bulge that it makes chased to its
/// beginning.
fn step(diagonal: &mut [f64], beside: &mut [f64], first: usize, last: usize) {
    // Wilkinson's shift: the eigenvalue of the leading 2 × 2 block that is nearer to its corner.
    let half = (diagonal[first + 1] - diagonal[first]) / (2.0 * beside[first]);
    let shift = diagonal[first] - beside[first] / (half + half.hypot(1.0).copysign(half));
    let mut along = diagonal[last] - shift;
    let (mut sine, mut cosine, mut carried) = (1.0, 1.0, 0.0);
    for i in (first..last).rev() {
        let (bulge, link) = (sine * beside[i], cosine * beside[i]);
        let length = bulge.hypot(along);
        beside[i + 1] = length;
        if length == 0.0 {
            // The block has come apart on its own.
            diagonal[i + 1] -= carried;
            beside[last] = 0.0;
            return;
        }
        (sine, cosine) = (bulge / length, along / length);
        let corner = diagonal[i + 1] - carried;
        let turned = (diagonal[i] - corner) * sine + 2.0 * cosine * link;
        carried = sine * turned;
        diagonal[i + 1] = corner + carried;
        along = cosine * turned - link;
    }
    diagonal[first] -= carried;
    beside[first] = along;
    beside[last] = 0.0;
}
