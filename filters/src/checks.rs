//! What makes a list of filters wrong although each of them is right.

use crate::chain::ChainError;
use crate::options::nearest;
use crate::registry::{self, FilterDoc};

/// The registered filter of this name, or the error that names the nearest.
///
/// # Errors
/// When no filter has the name.
pub fn known(index: usize, name: &str) -> Result<&'static FilterDoc, ChainError> {
    registry::find(name).ok_or_else(|| {
        let names = || registry::all().iter().map(|filter| filter.name);
        let mend = match nearest(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known filters: {}", names().collect::<Vec<_>>().join(", ")),
        };
        ChainError::whole(index, format!("unknown filter `{name}`"), mend)
    })
}

/// Filters that stand in the list twice.
#[must_use]
pub fn twice(names: &[&str]) -> Vec<ChainError> {
    let mut errors = Vec::new();
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            errors.push(ChainError::whole(
                index,
                format!("filter `{name}` is named twice"),
                "merge the two into one entry".to_owned(),
            ));
        }
    }
    errors
}

/// Filters behind one that answers every request: they can never run at the request point, and nothing
/// reaches an origin. `answers` says of each filter whether it always answers.
#[must_use]
pub fn unreachable(filters: &[(usize, &str, bool)]) -> Vec<ChainError> {
    let Some(position) = filters.iter().position(|(_, _, answers)| *answers) else {
        return Vec::new();
    };
    let (_, answering, _) = filters[position];
    filters[position + 1..]
        .iter()
        .map(|(index, name, _)| {
            ChainError::whole(
                *index,
                format!("filter `{name}` can never run: `{answering}` in front of it answers every request"),
                format!("move `{answering}` to the end or remove it"),
            )
        })
        .collect()
}
