//! The JSON Schema of a configuration, for editors that complete and underline.

use serde_json::{Map, Value as Json, json};

use super::{
    key::Key,
    table,
    tree::{Kind, Value},
    types::Type,
};

/// The schema of a file, as JSON.
#[must_use]
pub fn schema() -> String {
    let mut root = object(table::TOP);
    for kind in Kind::ALL {
        let named = json!({ "type": "object", "additionalProperties": object(table::of_kind(kind)) });
        root["properties"][kind.word()] = named;
    }
    root["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    root["title"] = json!("vrrpd");
    root["required"] = json!([Kind::Instance.word()]);
    format!("{root:#}\n")
}

/// The schema of a table with these keys and no others.
pub(crate) fn object(groups: &[&[Key]]) -> Json {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for key in groups.iter().copied().flatten() {
        let about = (key.about)();
        let mut schema = about.schema;
        schema["description"] = json!(key.effect());
        if let Some(default) = about.default_value.as_ref().and_then(simple) {
            schema["default"] = default;
        }
        if about.is_required {
            required.push(json!(key.name));
        }
        properties.insert(key.name.to_owned(), schema);
    }
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// The schema of a value that can be written in two ways.
pub(crate) fn either(one: &impl Type, other: &impl Type) -> Json {
    json!({ "anyOf": [one.schema(), other.schema()] })
}

/// A default that an editor can show.
fn simple(value: &Value) -> Option<Json> {
    match value {
        Value::String(text) => Some(json!(text)),
        Value::Integer(number) => Some(json!(number)),
        Value::Boolean(value) => Some(json!(value)),
        Value::Float(_) | Value::Datetime(_) | Value::List(_) | Value::Table(_) => None,
    }
}
