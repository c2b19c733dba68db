//! The residual stream on its way from the embeddings to the head: which blocks it meets, on which tape, with which tokens.
//!
//! What a block does to it is in `layers`; where it goes is a [`Course`](crate::course::Course).

use crate::Result;
use crate::course::KeptRows;
use crate::layers::{self, Block, Order};
use crate::network::{ClassBlocks, Network};
use crate::pass::Pass;
use ligo_kernels::{Kernels, Matrix, NoneTape, Tape};
use std::ops::Range;

/// The residual stream between two blocks.
struct Stream<D: Kernels> {
    /// All tokens `[N, H]`; while some go on alone, those.
    x: Matrix<D>,
    /// All tokens as they were when some went on alone.
    aside: Option<Matrix<D>>,
}

impl Network {
    /// The last hidden states `[N, H]`; in CaiT the class tokens `[B, H]`.
    pub(crate) fn hidden<D: Kernels, T: Tape<f32, D>>(&self, pass: &mut Pass<'_, D, T>) -> Result<Matrix<D>> {
        let (from, until) = (pass.course.recorded_from, pass.course.until);
        let stream = if from == 0 {
            Stream { x: self.embedded(pass)?, aside: None }
        } else {
            let mut tape = NoneTape;
            let lower = &mut pass.off_the_record(&mut tape);
            let stream = Stream { x: self.embedded(lower)?, aside: None };
            // The norm above the last of these layers is that of a recorded one, or the model's last.
            stream.through(lower, &self.blocks, self.order.without_last(), 0..from)?
        };
        let Stream { x, .. } = stream.through(pass, &self.blocks, self.order, from..until)?;
        match &self.class_blocks {
            None => Ok(x),
            Some(ClassBlocks { token, blocks, norm }) => {
                let class = layers::class_blocks(pass, blocks, self.blocks.len(), *token, &x)?;
                pass.norm(&class, *norm)
            }
        }
    }
}

impl<D: Kernels> Stream<D> {
    /// Behind those of the blocks `layers` that are there.
    fn through<T: Tape<f32, D>>(
        mut self,
        pass: &mut Pass<'_, D, T>,
        blocks: &[Block],
        order: Order,
        layers: Range<usize>,
    ) -> Result<Self> {
        let course = pass.course;
        let Some(kept) = &course.kept_rows else {
            self.x = layers::blocks(pass, blocks, &course.there(layers), order, self.x)?;
            return Ok(self);
        };
        let before = layers.start..layers.end.min(kept.layers.start);
        let alone = layers.start.max(kept.layers.start)..layers.end.min(kept.layers.end);
        let behind = layers.start.max(kept.layers.end)..layers.end;
        self.x = layers::blocks(pass, blocks, &course.there(before), order.without_last(), self.x)?;
        if !alone.is_empty() {
            let numbers = course.there(alone.clone());
            self = self.with_some_alone(pass, kept)?;
            pass.shortened = true;
            self.x = layers::blocks(pass, blocks, &numbers, order.without_last(), self.x)?;
            pass.shortened = false;
            if alone.end == kept.layers.end {
                self = self.with_all_together(pass, kept)?;
            }
        }
        if self.aside.is_none() {
            self.x = layers::blocks(pass, blocks, &course.there(behind), order, self.x)?;
        }
        Ok(self)
    }

    fn with_some_alone<T: Tape<f32, D>>(self, pass: &mut Pass<'_, D, T>, kept: &KeptRows) -> Result<Self> {
        if self.aside.is_some() {
            return Ok(self);
        }
        Ok(Self { x: pass.rows(&self.x, &kept.rows)?, aside: Some(self.x) })
    }

    fn with_all_together<T: Tape<f32, D>>(self, pass: &mut Pass<'_, D, T>, kept: &KeptRows) -> Result<Self> {
        match self.aside {
            None => Ok(self),
            Some(aside) => {
                let lookups = [(&aside, &kept.skipping[..]), (&self.x, &kept.returning[..])];
                Ok(Self { x: D::embedding(pass.tape, &lookups)?, aside: None })
            }
        }
    }
}
