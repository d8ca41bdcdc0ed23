//! Names of branches, profiles, encoders.

use std::ops::Deref;

use serde::{Deserialize, Serialize};

/// Text that is not blank.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let blank = text.trim().is_empty();
        (!blank).then_some(Self(text)).ok_or("expected a name")
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}
