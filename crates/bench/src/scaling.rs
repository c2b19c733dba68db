//! How a step scales with threads, and the share of it that stays serial.

/// 1, 2, 4, … and the number of cores itself.
pub fn thread_counts(cores: usize) -> Vec<usize> {
    let mut counts: Vec<usize> = std::iter::successors(Some(1), |n| Some(2 * n)).take_while(|&n| n < cores).collect();
    counts.push(cores.max(1));
    counts
}

/// What a step takes with some numbers of threads.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaling {
    /// Threads and seconds; one thread first.
    times: Vec<(usize, f64)>,
}

impl Scaling {
    /// Of threads and seconds; none without a time of one thread at the first place.
    pub fn new(times: Vec<(usize, f64)>) -> Option<Self> {
        times.first().is_some_and(|&(threads, _)| threads == 1).then_some(Self { times })
    }

    fn alone(&self) -> f64 {
        // There is a first one, or there would be no value of this type.
        self.times[0].1
    }

    /// How many times as fast as one thread so many threads are, for each number of them.
    pub fn speedups(&self) -> impl Iterator<Item = (usize, f64)> {
        self.times.iter().map(|&(threads, seconds)| (threads, self.alone() / seconds))
    }

    /// The share s that stays serial by Amdahl's law (1967), `T(n) = T(1) · (s + (1 − s) / n)`, fitted by least squares and kept
    /// between 0 and 1; none with one thread alone.
    pub fn serial_share(&self) -> Option<f64> {
        let (mut above, mut below) = (0.0, 0.0);
        for &(threads, seconds) in &self.times {
            // T(n)/T(1) − 1/n = s · (1 − 1/n)
            let ideal = 1.0 / threads as f64;
            above += (seconds / self.alone() - ideal) * (1.0 - ideal);
            below += (1.0 - ideal).powi(2);
        }
        (below > 0.0).then(|| (above / below).clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_serial_share_of_times_that_follow_the_law_is_found() {
        for serial in [0.0, 0.07, 0.5, 1.0] {
            let times = thread_counts(8).into_iter().map(|n| (n, 3.0 * (serial + (1.0 - serial) / n as f64))).collect();
            let scaling = Scaling::new(times).expect("one thread is the first");
            let found = scaling.serial_share().expect("there are several");
            assert!((found - serial).abs() < 1e-12, "{found} for {serial}");
        }
        let alone = Scaling::new(vec![(1, 2.0)]).expect("one thread is the first");
        assert_eq!(alone.serial_share(), None);
        assert_eq!(Scaling::new(vec![(2, 2.0)]), None);
    }

    #[test]
    fn threads_double_up_to_the_cores() {
        for (cores, expected) in [(1, vec![1]), (2, vec![1, 2]), (6, vec![1, 2, 4, 6]), (8, vec![1, 2, 4, 8])] {
            assert_eq!(thread_counts(cores), expected);
        }
    }
}
