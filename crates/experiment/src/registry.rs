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
        Box::new(ligo_direct_copy::DirectCopy),
        Box::new(ligo_stackbert::StackBert),
        Box::new(ligo_bert2bert::Bert2Bert),
        Box::new(ligo_hypercloning::HyperCloning),
        Box::new(ligo_lemon::Lemon),
    ]
}

/// The method of that name.
pub fn find<'a, D: Kernels>(registry: &'a Registry<D>, name: &str) -> Option<&'a dyn Method<D>> {
    registry.iter().find(|method| method.name() == name).map(AsRef::as_ref)
}
