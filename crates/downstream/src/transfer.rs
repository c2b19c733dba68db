//! From a pretrained model to one with the head of a task: what both have is carried over by name, the rest is fresh.

use crate::{DownstreamError, Result};
use ligo_kernels::Kernels;
use ligo_models::{AdapterSites, Family, Head, Model, ModelConfig, ModelError, Naming, Parameters};
use std::collections::{HashMap, HashSet};

/// A model with another head than the one that it was pretrained with.
#[derive(Debug)]
pub struct Transferred<D: Kernels> {
    /// The architecture.
    pub model: Model,
    /// Its weights; those carried over share their memory with the pretrained ones until either changes.
    pub parameters: Parameters<D>,
    /// For each weight whether it is of the head (a pooler included) or of an adapter, and not of the body that was pretrained.
    pub on_top: Vec<bool>,
}

/// The model of `from` under the head of a task; adapters of that width and in those places beside its layers, if wanted. A weight of
/// the head that the pretrained model has too, in the same shape, is carried over; a classifier of another number of labels is fresh.
///
/// # Errors
/// A head that the family does not have, no room on the device.
pub fn transfer<D: Kernels>(
    device: &D,
    (from, weights): (&Model, &Parameters<D>),
    (head, num_labels): (Head, Option<usize>),
    adapters: Option<(usize, AdapterSites)>,
    seed: u64,
) -> Result<Transferred<D>> {
    let mut config = ModelConfig { head: Some(head), num_labels, pooler: None, ..from.config().clone() };
    if let Some((size, sites)) = adapters {
        if let Some(found) = config.adapter_size {
            let (found, expected) = (format!("{size} for a model with adapters of {found}"), "a model without".into());
            return Err(DownstreamError::Tuning { key: "adapter_size", found, expected });
        }
        (config.adapter_size, config.adapter_sites) = (Some(size), Some(sites));
    }
    let model = Model::new(config)?;
    let family = model.config().family;
    let body = body_of(model.config())?;
    let on_top: Vec<bool> = model.specs().iter().map(|spec| !body.contains(bare(family, &spec.name))).collect();

    let named = from.specs().iter().zip(weights.tensors());
    let known: HashMap<_, _> = named.map(|(spec, tensor)| (bare(family, &spec.name), (spec, tensor))).collect();
    let mut parameters = model.fresh(device, seed)?;
    for ((spec, tensor), &on_top) in model.specs().iter().zip(parameters.tensors_mut()).zip(&on_top) {
        match known.get(bare(family, &spec.name)) {
            Some((old, weight)) if old.shape == spec.shape => tensor.clone_from(weight),
            _ if on_top => {}
            _ => {
                let (name, expected) = (spec.name.clone(), "one to carry over".to_owned());
                return Err(ModelError::Parameter { name, found: "no such weight".into(), expected }.into());
            }
        }
    }
    Ok(Transferred { model, parameters, on_top })
}

/// The names of the weights below any head and beside any adapter.
fn body_of(config: &ModelConfig) -> Result<HashSet<String>> {
    let may_pool = config.naming == Naming::Hub && (config.family.has_token_types() || config.family.reads_images());
    let body = ModelConfig {
        head: Some(Head::None),
        num_labels: None,
        pooler: may_pool.then_some(false),
        adapter_size: None,
        adapter_sites: None,
        ..config.clone()
    };
    Ok(Model::new(body)?.specs().iter().map(|spec| spec.name.clone()).collect())
}

/// A weight's name in the model without a head: the Hub puts the family's before it where there is one.
fn bare(family: Family, name: &str) -> &str {
    let prefix = match family {
        Family::Gpt2 => "transformer",
        family if family.is_llama_style() => "model",
        family => family.name(),
    };
    name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.')).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligo_kernels::Cpu;

    fn sizes(family: Family) -> ModelConfig {
        let mut config = ModelConfig::new(family, 8, 2, 2);
        match family.reads_images() {
            true => (config.image_size, config.patch_size, config.num_labels) = (Some(4), Some(2), Some(5)),
            false => (config.vocab_size, config.max_position_embeddings) = (13, 9),
        }
        config
    }

    /// The names of the weights that were not carried over, and of those on top.
    fn fresh_and_on_top(
        config: ModelConfig,
        head: (Head, Option<usize>),
        adapters: Option<(usize, AdapterSites)>,
    ) -> (Vec<String>, Vec<String>) {
        let (device, from) = (Cpu::default(), Model::new(config).unwrap());
        let mut weights = from.fresh(&device, 1).unwrap();
        for tensor in weights.tensors_mut() {
            let marked = vec![7.0; tensor.as_vec().len()];
            tensor.copy_from(&marked);
        }
        let found = transfer(&device, (&from, &weights), head, adapters, 2).unwrap();
        let names = |holds: &dyn Fn(usize) -> bool| {
            let specs = found.model.specs().iter().enumerate().filter(|(i, _)| holds(*i));
            specs.map(|(_, spec)| spec.name.clone()).collect::<Vec<_>>()
        };
        let fresh = |i: usize| found.parameters.tensors()[i].as_vec().iter().any(|&value| value != 7.0);
        (names(&fresh), names(&|i| found.on_top[i]))
    }

    #[test]
    fn the_body_is_carried_over_from_any_head_and_what_is_new_is_on_top() {
        let classes = (Head::SequenceClassification, Some(3));
        let headless = |family| ModelConfig { head: Some(Head::None), num_labels: None, ..sizes(family) };
        let pooled = ["bert.pooler.dense.weight", "bert.pooler.dense.bias"];
        let classifier = ["classifier.weight", "classifier.bias"];
        let roberta = [
            "classifier.dense.weight",
            "classifier.dense.bias",
            "classifier.out_proj.weight",
            "classifier.out_proj.bias",
        ];
        let both = [pooled, classifier].concat();
        let images = (Head::ImageClassification, Some(3));
        let qa = ["qa_outputs.weight", "qa_outputs.bias"];
        let cases: [(ModelConfig, _, &[&str], &[&str]); 9] = [
            (sizes(Family::Bert), classes, &both, &both),
            // A headless BERT has a pooler to carry over.
            (headless(Family::Bert), classes, &classifier, &both),
            (sizes(Family::Bert), (Head::QuestionAnswering, None), &qa, &qa),
            (sizes(Family::Roberta), classes, &roberta, &roberta),
            (sizes(Family::Vit), images, &classifier, &classifier),
            // As many labels as before: the classifier stays.
            (sizes(Family::Vit), (Head::ImageClassification, Some(5)), &[], &classifier),
            (headless(Family::Vit), images, &classifier, &classifier),
            (sizes(Family::Deit), images, &classifier, &classifier),
            (sizes(Family::Cait), images, &["head.weight", "head.bias"], &["head.weight", "head.bias"]),
        ];
        for (config, head, fresh, on_top) in cases {
            let what = format!("{} {:?} to {head:?}", config.family, config.head);
            let (found_fresh, found_on_top) = fresh_and_on_top(config, head, None);
            assert_eq!(found_fresh, fresh, "{what}");
            assert_eq!(found_on_top, on_top, "{what}");
        }
    }

    #[test]
    fn adapters_come_on_top_and_only_once() {
        let classes = (Head::SequenceClassification, Some(2));
        let (fresh, on_top) = fresh_and_on_top(sizes(Family::Bert), classes, Some((4, AdapterSites::Mlp)));
        assert_eq!(fresh, on_top);
        assert_eq!(on_top.iter().filter(|name| name.contains("mlp_adapter")).count(), 2 * 4);
        let config = ModelConfig { adapter_size: Some(4), ..sizes(Family::Bert) };
        let (device, from) = (Cpu::default(), Model::new(config).unwrap());
        let weights = from.fresh(&device, 1).unwrap();
        let error = transfer(&device, (&from, &weights), classes, Some((8, AdapterSites::Mlp)), 2).unwrap_err();
        assert!(error.to_string().contains("8 for a model with adapters of 4, expected a model without"), "{error}");
    }
}
