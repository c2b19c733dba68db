//! Every method that an experiment file can name. The only place that knows them all.

use ligo_growth::Method;
use ligo_kernels::Kernels;

/// The methods by name.
pub type Registry<D> = [Box<dyn Method<D>>];

/// All methods, one line each. To add one: a crate that implements [`Method`], and its line here.
pub fn methods<D: Kernels>() -> Vec<Box<dyn Method<D>>> {
    vec![
        Box::new(ligo_growth::Scratch),
        Box::new(ligo::Ligo),
        Box::new(ligo::LigoPaper),
        Box::new(ligo::LigoPublished),
        Box::new(ligo_direct_copy::DirectCopy),
        Box::new(ligo_stackbert::StackBert),
        Box::new(ligo_interpolation::Interpolation),
        Box::new(ligo_mslt::Mslt),
        Box::new(ligo_net2net::Net2Net),
        Box::new(ligo_bert2bert::Bert2Bert),
        Box::new(ligo_ki::Ki),
        Box::new(ligo_staged_training::StagedTraining),
        Box::new(ligo_lemon::Lemon),
        Box::new(ligo_hypercloning::HyperCloning),
        Box::new(ligo_msg::Msg),
        Box::new(ligo_g_stack::GStack),
        Box::new(ligo_block_expansion::BlockExpansion),
        Box::new(ligo_depth_up_scaling::DepthUpScaling),
        Box::new(ligo_gradual_stacking::GradualStacking),
        Box::new(ligo_tleg::Tleg),
        Box::new(ligo_modernbert_tiling::ModernBertTiling),
        Box::new(ligo_mup_scaling::MupScaling),
        Box::new(ligo_shrink_pad_perturb::ShrinkPadPerturb),
        Box::new(ligo_composable_expansions::ComposableExpansions),
    ]
}

/// The method of that name.
pub fn find<'a, D: Kernels>(registry: &'a Registry<D>, name: &str) -> Option<&'a dyn Method<D>> {
    registry.iter().find(|method| method.name() == name).map(AsRef::as_ref)
}
