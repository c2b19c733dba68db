//! Batches made ahead: a thread prepares the next ones while a model computes.

use super::augment::{AugmentedBatch, AugmentedBatches};
use super::{ImageBatch, ImageBatches};
use crate::{BatchPlan, DataError};
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Batches that are a function of their number.
pub trait NumberedBatches: Send + Sync + 'static {
    /// What they are.
    type Batch: Send + 'static;

    /// How many make a step.
    fn plan(&self) -> BatchPlan;

    /// Batch `micro` of step `step`.
    ///
    /// # Errors
    /// An image that does not decode.
    fn batch(&self, step: u64, micro: usize) -> Result<Self::Batch, DataError>;
}

impl NumberedBatches for ImageBatches {
    type Batch = ImageBatch;

    fn plan(&self) -> BatchPlan {
        ImageBatches::plan(self)
    }

    fn batch(&self, step: u64, micro: usize) -> Result<ImageBatch, DataError> {
        ImageBatches::batch(self, step, micro)
    }
}

impl NumberedBatches for AugmentedBatches {
    type Batch = AugmentedBatch;

    fn plan(&self) -> BatchPlan {
        self.plain().plan()
    }

    fn batch(&self, step: u64, micro: usize) -> Result<AugmentedBatch, DataError> {
        AugmentedBatches::batch(self, step, micro)
    }
}

/// The batches of `S`, of which the next few are always being made by threads of their own, as many as compute.
///
/// The batches are those of `S`, and an error is met at the step that it belongs to. Whoever asks for them in order need
/// not wait for them; whoever jumps waits for one, and the thread goes on from there. Dropping ends the thread, which takes
/// as long as the batch in hand.
///
/// ```
/// # use ligo_data::BatchPlan;
/// # use ligo_data::images::{ImageBatches, ImageSource, Preprocessing, digits};
/// # use std::sync::Arc;
/// use ligo_data::images::Ahead;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// let images = Arc::new(ImageSource::new([digits::build(directory.path())?.train]).read()?);
/// let plan = BatchPlan { seed: 1, batch_size: 32, micro_batches: 1 };
/// let batches = ImageBatches::new(images, Preprocessing::new(1, digits::SIDE)?, digits::CLASSES, plan)?;
/// let ahead = Ahead::new(batches.clone(), 4);
/// for step in 100..110 {
///     assert_eq!(ahead.batch(step, 0)?, batches.batch(step, 0)?);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Ahead<S: NumberedBatches> {
    source: Arc<S>,
    ahead: usize,
    /// None until a batch is asked for, which tells where to begin.
    worker: Mutex<Option<Worker<S::Batch>>>,
}

impl<S: NumberedBatches> Ahead<S> {
    /// With `ahead` batches made before they are asked for, at least one.
    pub fn new(source: S, ahead: usize) -> Self {
        Self { source: Arc::new(source), ahead: ahead.max(1), worker: Mutex::new(None) }
    }

    /// The batches as they are without.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// Batch `micro` of step `step`.
    ///
    /// # Errors
    /// An image of this batch that does not decode.
    ///
    /// # Panics
    /// If `micro` is not below the plan's `micro_batches`.
    pub fn batch(&self, step: u64, micro: usize) -> Result<S::Batch, DataError> {
        let place = Place { step, micro };
        // A panic below leaves no worker behind, or one that is as good as before.
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        let mut current = match worker.take() {
            Some(current) if current.next == place => current,
            _ => Worker::begin(Arc::clone(&self.source), place, self.ahead),
        };
        let batch = current.receive(self.source.plan());
        *worker = Some(current);
        batch
    }
}

/// The number of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    step: u64,
    micro: usize,
}

impl Place {
    fn next(self, plan: BatchPlan) -> Self {
        match self.micro + 1 < plan.micro_batches {
            true => Self { micro: self.micro + 1, ..self },
            false => Self { step: self.step + 1, micro: 0 },
        }
    }
}

/// The thread, and the end of its queue.
#[derive(Debug)]
struct Worker<B> {
    /// The batch that the queue gives next.
    next: Place,
    /// None only while it is dropped.
    queue: Option<Receiver<Result<B, DataError>>>,
    thread: Option<JoinHandle<()>>,
}

impl<B: Send + 'static> Worker<B> {
    fn begin<S: NumberedBatches<Batch = B>>(source: Arc<S>, first: Place, ahead: usize) -> Self {
        // One more is held by the thread, which waits to hand it over.
        let (sender, queue) = sync_channel(ahead - 1);
        // Of the caller's pool every thread may be waiting for this batch: with one thread it is.
        let threads = rayon::current_num_threads();
        let thread = std::thread::spawn(move || {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            // As with the thread itself: a system that has no thread left is no place to go on.
            let pool = pool.expect("threads for the batches");
            pool.install(|| make(&*source, first, &sender));
        });
        Self { next: first, queue: Some(queue), thread: Some(thread) }
    }

    fn receive(&mut self, plan: BatchPlan) -> Result<B, DataError> {
        self.next = self.next.next(plan);
        match self.queue.as_ref().map(Receiver::recv) {
            Some(Ok(batch)) => batch,
            // The thread has no other end than a panic while it is listened to.
            _ => match self.thread.take().map(JoinHandle::join) {
                Some(Err(panic)) => resume_unwind(panic),
                _ => unreachable!("batches have no end"),
            },
        }
    }
}

impl<B> Drop for Worker<B> {
    fn drop(&mut self) {
        // Without its queue the thread ends.
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic of batches that nobody has asked for is nobody's.
            let _ = thread.join();
        }
    }
}

/// Makes batches from `place` on until nobody takes them.
fn make<S: NumberedBatches>(source: &S, mut place: Place, queue: &SyncSender<Result<S::Batch, DataError>>) {
    while queue.send(source.batch(place.step, place.micro)).is_ok() {
        place = place.next(source.plan());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, Instant};

    /// Batches that are their own numbers; step 3 is broken, step 90 panics.
    #[derive(Debug)]
    struct Numbers {
        made: Arc<AtomicU64>,
    }

    impl NumberedBatches for Numbers {
        type Batch = (u64, usize);

        fn plan(&self) -> BatchPlan {
            BatchPlan { seed: 0, batch_size: 1, micro_batches: 2 }
        }

        fn batch(&self, step: u64, micro: usize) -> Result<(u64, usize), DataError> {
            self.made.fetch_add(1, Ordering::SeqCst);
            assert_ne!(step, 90, "step 90");
            match (step, micro) {
                (3, 1) => Err(DataError::NoImages { files: "step 3".into() }),
                _ => Ok((step, micro)),
            }
        }
    }

    fn numbers(ahead: usize) -> (Ahead<Numbers>, Arc<AtomicU64>) {
        let made = Arc::new(AtomicU64::new(0));
        (Ahead::new(Numbers { made: Arc::clone(&made) }, ahead), made)
    }

    /// Rayon's own threads take a part in making them.
    #[derive(Debug)]
    struct Shared;

    impl NumberedBatches for Shared {
        type Batch = u64;

        fn plan(&self) -> BatchPlan {
            BatchPlan { seed: 0, batch_size: 1, micro_batches: 1 }
        }

        fn batch(&self, step: u64, _: usize) -> Result<u64, DataError> {
            use rayon::prelude::*;
            Ok((0..step).into_par_iter().sum())
        }
    }

    #[test]
    fn who_computes_with_a_single_thread_does_not_wait_for_himself() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let sums = pool.install(|| {
            let ahead = Ahead::new(Shared, 2);
            (3..6).map(|step| ahead.batch(step, 0).unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(sums, [3, 6, 10]);
    }

    fn wait_until(what: impl Fn() -> bool) {
        let begin = Instant::now();
        while !what() {
            assert!(begin.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn batches_come_in_any_order_that_is_asked_for_and_an_error_at_its_own_step() {
        for ahead in [0, 1, 3] {
            let (batches, _) = numbers(ahead);
            for (step, micro) in [(1, 1), (2, 0), (2, 1), (3, 0), (3, 1), (4, 0), (4, 0), (70, 0), (70, 1), (1, 0)] {
                match batches.batch(step, micro) {
                    Ok(found) => assert_eq!(found, (step, micro)),
                    Err(error) => assert_eq!(((step, micro), error.to_string().contains("step 3")), ((3, 1), true)),
                }
            }
        }
    }

    #[test]
    fn as_many_as_asked_for_are_made_ahead_and_none_after_the_end() {
        let (batches, made) = numbers(4);
        batches.batch(5, 0).unwrap();
        wait_until(|| made.load(Ordering::SeqCst) == 5);
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(made.load(Ordering::SeqCst), 5);
        let source = Arc::downgrade(&batches.source);
        drop(batches);
        // The thread held the source too.
        assert!(source.upgrade().is_none());
    }

    #[test]
    fn a_panic_is_met_where_it_would_have_been_without() {
        let (batches, _) = numbers(3);
        batches.batch(89, 1).unwrap();
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| batches.batch(90, 0)));
        assert!(panic.unwrap_err().downcast_ref::<String>().unwrap().contains("step 90"));
        assert_eq!(batches.batch(7, 0).unwrap(), (7, 0));
    }
}
