//! What growing means, written once for all models.
//!
//! - A **width growth** is one pair of maps per [`ligo_models::Space`]: an [`Expansion`] for axes that *produce* the space and
//!   its partner for axes that *consume* it ([`SpaceMap`], [`WidthMap`]).
//! - A **depth growth** says which small layers make each large one, and which at first pass on what they get ([`DepthMap`]).
//! - A **growth operator** is the two together, applied spec by spec ([`LinearGrowth`]), or anything else that turns a
//!   small model's parameters into a large one's ([`GrowthOperator`]). The optimiser's state grows by the same maps
//!   ([`Moments`]).
//! - A **learned operator** has factors that are trained on the large model's loss while the small model stays frozen
//!   ([`LearnedOperator`], [`Learner`]).
//! - A **method** is what an experiment compares: a [`Recipe`] of stages as plain data ([`Method`]). [`Scratch`] is built in;
//!   every other one is a crate of its own.
//!
//! Nothing here knows a model's layers by name: a model declares what its axes mean ([`ligo_models::ParamSpec`]), and an
//! operator follows the declaration.
//!
//! # Growing a model
//!
//! Twice as wide by copying every channel, twice as deep by stacking:
//!
//! ```
//! use ligo_growth::{DepthMap, Growth, GrowthOperator, LinearGrowth, SpaceMap, WidthMap};
//! use ligo_kernels::Cpu;
//! use ligo_models::{Model, ModelConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let small: ModelConfig = toml::from_str(
//!     "family = 'gpt2'
//!      vocab_size = 11
//!      max_position_embeddings = 8
//!      hidden_size = 4
//!      num_hidden_layers = 1
//!      num_attention_heads = 2",
//! )?;
//! let large = ModelConfig { hidden_size: 8, num_attention_heads: 4, num_hidden_layers: 2, ..small.clone() };
//! // Unit i of the large model (a channel, or a whole head) copies unit i mod d of the small one.
//! let width = WidthMap::per_space(&small, &large, |_space, small, large| {
//!     let copied: Vec<usize> = (0..large.units).map(|i| i % small.units).collect();
//!     Ok(SpaceMap::duplicating(&copied, small.unit))
//! })?;
//! let operator = LinearGrowth { width, depth: DepthMap::stack(1, 2) };
//!
//! let device = Cpu::default();
//! let (small, large) = (Model::new(small)?, Model::new(large)?);
//! let parameters = small.fresh(&device, 1)?;
//! let growth = Growth { small: &small, parameters: &parameters, large: &large, device: &device, seed: 2 };
//! let grown = operator.grow(&growth)?;
//!
//! let token = |set: &ligo_models::Parameters<Cpu>| set.get("transformer.wte.weight").map(|t| t.as_vec()).unwrap_or_default();
//! assert_eq!(token(&grown)[..4], token(&parameters)[..4]);
//! assert_eq!(token(&grown)[4..8], token(&parameters)[..4]);
//! # Ok(())
//! # }
//! ```
//!
//! # Adding a method
//!
//! `cargo xtask new baseline <name>` makes a crate under `crates/baselines` that works as it is: a [`Method`] that reads its options with
//! [`parse_options`], checks the sizes with [`check_growth`] and returns the stages, an operator, and its line in the registry of
//! `ligo-experiment`. The trainer charges, resumes and reports it like every other method.

mod axis;
mod copied;
mod copies;
mod depth;
mod depth_rule;
mod error;
mod expansion;
mod gather;
mod linear;
mod method;
mod noise;
mod operator;
mod options;
mod scratch;
mod shares;
mod silence;
mod sizes;
pub mod testing;
mod width;

pub use copied::CopiedGrowth;
pub use copies::{Draw, check_head_dim, together_with};
pub use depth::DepthMap;
pub use depth_rule::DepthRule;
pub use error::GrowthError;
pub use expansion::Expansion;
pub use linear::LinearGrowth;
pub use method::{
    Action, Axes, Distillation, FadeIn, Guarantee, LayerDropping, Method, OperatorTraining, RateDecay, Recipe, Stage,
    Start, SubModels, Task, TokenDropping, Trained, Training,
};
pub use noise::Noise;
pub use operator::{
    ExpansionFlops, FactorDiagnostics, Growth, GrowthOperator, LearnedOperator, Learner, Made, Moments,
};
pub use options::parse_options;
pub use scratch::Scratch;
pub use shares::share_out;
pub use sizes::check_growth;
pub use width::{SpaceMap, WidthMap};

/// The result of growing.
pub type Result<T> = std::result::Result<T, GrowthError>;
