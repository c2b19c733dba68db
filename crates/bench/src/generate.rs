//! Text after a prompt: the likeliest token, again and again, with keys and values kept.

use crate::ModelJob;
use crate::protocol::Answer;
use crate::task::{Task, fresh};
use anyhow::Result;
use ligo_kernels::Kernels;
use ligo_models::generate::{Decoder, Sampler, Sampling};
use ligo_models::{Model, Parameters};

pub(crate) struct Generation<D: Kernels> {
    model: Model,
    parameters: Parameters<D>,
    device: D,
    prompt: Vec<u32>,
    new_tokens: usize,
    batch_size: usize,
    tokens: Vec<u32>,
    /// `[new_tokens][vocab_size]`.
    logits: Vec<Vec<f32>>,
}

impl<D: Kernels> Generation<D> {
    pub(crate) fn new(job: &ModelJob, device: &D) -> Result<Self> {
        let (model, parameters) = fresh(job, device)?;
        let (prompt, batch_size) = (job.prompt().to_vec(), job.case.batch_size);
        let (device, new_tokens) = (device.clone(), job.new_tokens);
        Ok(Self { model, parameters, device, prompt, new_tokens, batch_size, tokens: Vec::new(), logits: Vec::new() })
    }
}

impl<D: Kernels> Task for Generation<D> {
    fn work(&mut self) -> Result<()> {
        self.tokens.clear();
        self.logits.clear();
        let capacity = self.prompt.len() + self.new_tokens;
        let mut sampler = Sampler::new(Sampling::default())?;
        let mut decoder = Decoder::new(&self.model, &self.parameters, &self.device, self.batch_size, capacity)?;
        let mut logits = decoder.read(&self.prompt)?.as_vec();
        loop {
            let token = sampler.pick(&logits);
            self.tokens.push(token);
            self.logits.push(logits);
            if self.tokens.len() == self.new_tokens {
                return Ok(());
            }
            logits = decoder.read(&[token])?.as_vec();
        }
    }

    fn answer(&self) -> Answer {
        let leads = self.logits.iter().map(|logits| lead(logits)).collect();
        Answer { tokens: self.tokens.clone(), leads, ..Answer::default() }
    }

    fn parameters(&self) -> usize {
        self.parameters.elements()
    }
}

/// By how much the largest is above the second.
fn lead(logits: &[f32]) -> f64 {
    let (mut first, mut second) = (f32::NEG_INFINITY, f32::NEG_INFINITY);
    for &logit in logits {
        if logit > first {
            (first, second) = (logit, first);
        } else {
            second = second.max(logit);
        }
    }
    f64::from(first) - f64::from(second)
}

#[cfg(test)]
mod tests {
    use super::lead;

    #[test]
    fn a_lead_is_that_of_the_first_over_the_second_wherever_they_stand() {
        for (logits, expected) in
            [([1.0, 4.0, 2.5], 1.5), ([4.0, 1.0, 2.5], 1.5), ([2.5, 1.0, 4.0], 1.5), ([4.0, 4.0, 1.0], 0.0)]
        {
            assert_eq!(lead(&logits), expected, "{logits:?}");
        }
    }
}
