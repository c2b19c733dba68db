//! LiGO as a method of an experiment: learn the operator, grow, train. Three names, which differ in their defaults alone.

use crate::LigoOperator;
use crate::options::{DepthStart, LigoOptions, Preset, Sharing, WidthStart};
use crate::plan::{FactorPlan, Plan};
use ligo_growth::{Action, Axes, DepthMap, Guarantee, Method, Recipe, Result, Stage, Start, Task};
use ligo_kernels::Kernels;
use ligo_models::Model;
use std::sync::Arc;

/// `ligo`: the learned linear growth operator with fresh values beside the map, which our own measurements favour.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ligo;

/// `ligo-paper`: the same as the paper has it.
#[derive(Debug, Clone, Copy, Default)]
pub struct LigoPaper;

/// `ligo-published`: the same as the authors' code has it.
#[derive(Debug, Clone, Copy, Default)]
pub struct LigoPublished;

macro_rules! method {
    ($method:ty, $preset:expr, $summary:literal) => {
        impl<D: Kernels> Method<D> for $method {
            fn name(&self) -> &'static str {
                $preset.name()
            }

            fn summary(&self) -> &'static str {
                $summary
            }

            fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
                recipe(&LigoOptions::parse($preset, options)?, task)
            }

            fn axes(&self) -> Axes {
                Axes { width: "learnt", depth: "learnt" }
            }

            fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee> {
                guarantee(&LigoOptions::parse($preset, options)?, task)
            }
        }
    };
}
method!(
    Ligo,
    Preset::Ligo,
    "Learns a linear map from the small model's weights to the large one's on the large model's loss, then trains \
     (Wang et al. 2023)."
);
method!(
    LigoPaper,
    Preset::LigoPaper,
    "LiGO by the paper's formula: a free map for each small layer, width before depth (Wang et al. 2023)."
);
method!(
    LigoPublished,
    Preset::LigoPublished,
    "LiGO as its authors' code runs it: [I; C] for each large layer, depth before width, hardly moved from its start \
     (Wang et al. 2023)."
);

fn recipe<D: Kernels>(options: &LigoOptions, task: &Task) -> Result<Recipe<D>> {
    // Resolving the operator finds every reason why it could not start, long before the small model is trained.
    plan(options, task)?;
    let learn = Action::Learn {
        to: task.large.clone(),
        operator: Arc::new(LigoOperator { options: options.factors() }),
        training: options.training(task),
    };
    Ok(Recipe {
        start: Start::Small,
        stages: vec![Stage { name: "learn-operator".into(), action: learn }, Stage::train("train", 0..task.steps)],
    })
}

fn plan(options: &LigoOptions, task: &Task) -> Result<Plan> {
    Plan::new(&Model::new(task.small.clone())?, &Model::new(task.large.clone())?, &options.factors())
}

/// An operator that is not learnt (`steps = 0`) is what it starts as.
fn guarantee(options: &LigoOptions, task: &Task) -> Result<Guarantee> {
    let nothing = |reason: &str| Ok(Guarantee::Nothing(reason.into()));
    let plan = plan(options, task)?;
    if options.training(task).steps > 0 {
        return nothing("its factors are learnt on the loss");
    }
    if options.residual {
        return nothing("every weight has a random addition");
    }
    let (small, large) = plan.layers;
    if options.depth_noise > 0.0 && small < large {
        return nothing("its depth weights start with noise");
    }
    let widens = plan.factors.iter().any(|factor| matches!(factor, FactorPlan::Width(_)));
    if options.factors().fresh && widens {
        return nothing("new coordinates start at random");
    }
    // Copies of unequal numbers have another mean and another variance, which the norms see.
    let even = task.large.hidden_size.is_multiple_of(task.small.hidden_size);
    let same_width = !widens || options.width_start == WidthStart::FunctionPreserving && even;
    let post_norm = Model::new(task.large.clone())?.is_post_norm();
    let same_depth = small == large || options.depth_start == DepthStart::Identity && !post_norm;
    if same_width && same_depth {
        return Ok(Guarantee::Function);
    }
    let layers = match options.depth_start {
        DepthStart::Stack => DepthMap::stack(small, large).layers(),
        DepthStart::Interlace => DepthMap::interpolate(small, large).layers(),
        DepthStart::Identity => None,
    };
    match layers {
        Some(layers) if !widens || options.factors == Sharing::PerKind => Ok(Guarantee::Layers(layers)),
        Some(_) => nothing("each layer is widened by factors of its own"),
        None if small < large && post_norm => nothing("a new layer norms what it passes on once more"),
        None => nothing(not_preserved(options.width_start)),
    }
}

/// Why a wider model does not start with the small one's function.
fn not_preserved(start: WidthStart) -> &'static str {
    match start {
        WidthStart::Random | WidthStart::Selection | WidthStart::SelectionNormalised | WidthStart::Gaussian => {
            "its factors start at random"
        }
        WidthStart::FunctionPreserving => "the norms see unequal numbers of copies",
        WidthStart::Zero => "new coordinates start at 0",
    }
}
