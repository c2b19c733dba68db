//! An inspection as one JSON object. Its keys stay as they are.

use super::Inspection;
use ligo_models::hub::Remark;
use serde_json::{Map, Value, json};

impl Inspection {
    /// Everything, under stable keys.
    pub fn to_json(&self) -> Value {
        let config = &self.config;
        let modules: Map<String, Value> =
            self.modules.iter().map(|(kind, count)| (kind.key().into(), (*count).into())).collect();
        let dtype = |(name, (tensors, bytes)): (&String, &(usize, u64))| {
            (name.clone(), json!({ "tensors": tensors, "bytes": bytes }))
        };
        let dtypes: Map<String, Value> = self.files.dtypes.iter().map(dtype).collect();
        let files: Vec<Value> =
            self.files.files.iter().map(|(name, bytes)| json!({ "name": name, "bytes": bytes })).collect();
        let spaces: Vec<Value> = self
            .spaces
            .iter()
            .map(|space| {
                json!({
                    "name": space.name,
                    "per_layer": space.layers.is_some(),
                    "layers": space.layers,
                    "width": space.size.width(),
                    "units": space.size.units,
                    "unit": space.size.unit,
                    "grows": space.grows,
                    "produced_by": space.produced_by,
                    "consumed_by": space.consumed_by,
                })
            })
            .collect();
        let tokenizer = self.tokenizer.as_ref().map(|check| {
            json!({ "file": check.file, "ids": check.ids, "fits": check.problem.is_none(), "problem": check.problem })
        });
        json!({
            "directory": self.directory,
            "family": self.family,
            "head": self.head,
            "config": config,
            "parameters": { "total": self.parameters, "by_module": modules },
            "flops": {
                "per": self.flops.unit,
                "sequence_length": self.flops.sequence_length,
                "forward": self.flops.forward,
                "training": self.flops.training,
            },
            "weights": { "bytes": self.files.bytes(), "dtypes": dtypes, "files": files },
            "spaces": spaces,
            "companions": self.companions,
            "tokenizer": tokenizer,
            "missing": remarks(&self.missing),
            "unexpected": remarks(&self.unexpected),
            "loads": self.problem.is_none(),
            "problem": self.problem,
        })
    }
}

fn remarks(remarks: &[Remark]) -> Vec<Value> {
    remarks
        .iter()
        .map(|Remark { name, why, harmless }| json!({ "name": name, "why": why, "harmless": harmless }))
        .collect()
}
