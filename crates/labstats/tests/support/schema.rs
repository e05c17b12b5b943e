//! As much of JSON Schema as docs/lgbench-results.schema.json uses.

use std::collections::BTreeSet;

use serde_json::Value;

fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(path) => {
            root.pointer(path.trim_start_matches('#')).expect("a reference that leads somewhere")
        }
        None => schema,
    }
}

/// Checks `value`; the name of every property of the schema that it has is put into `seen`.
pub(crate) fn validate(
    root: &Value,
    schema: &Value,
    value: &Value,
    at: &str,
    seen: &mut BTreeSet<String>,
) -> Result<(), String> {
    let schema = resolve(root, schema);
    if let Some(kinds) = schema.get("type") {
        let kinds: Vec<&str> = match kinds {
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect(),
        };
        let is = |kind: &&str| match *kind {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            other => panic!("unknown type {other}"),
        };
        if !kinds.iter().any(is) {
            return Err(format!("{at} is not {kinds:?}"));
        }
    }
    if schema.get("const").is_some_and(|only| only != value) {
        return Err(format!("{at} is not {}", schema["const"]));
    }
    if schema["enum"].as_array().is_some_and(|all| !all.contains(value)) {
        return Err(format!("{at} is none of {}", schema["enum"]));
    }
    if let (Some(least), Some(number)) = (schema["minimum"].as_f64(), value.as_f64())
        && number < least
    {
        return Err(format!("{at} is below {least}"));
    }
    if let Some(object) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !object.contains_key(name) {
                return Err(format!("{at} lacks {name}"));
            }
        }
        for (name, inner) in object {
            let place = format!("{at}.{name}");
            match (&schema["properties"][name], &schema["additionalProperties"]) {
                (Value::Null, Value::Bool(false)) => return Err(format!("{place} is unknown")),
                (Value::Null, other) => validate(root, other, inner, &place, seen)?,
                (known, _) => {
                    seen.insert(name.clone());
                    validate(root, known, inner, &place, seen)?;
                }
            }
        }
    }
    for (n, inner) in value.as_array().into_iter().flatten().enumerate() {
        validate(root, &schema["items"], inner, &format!("{at}[{n}]"), seen)?;
    }
    Ok(())
}

/// Names of all properties anywhere in the schema.
pub(crate) fn properties(schema: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if let Some(properties) = schema["properties"].as_object() {
        found.extend(properties.keys().cloned());
    }
    let inner: Vec<&Value> = match schema {
        Value::Object(object) => object.values().collect(),
        Value::Array(all) => all.iter().collect(),
        _ => Vec::new(),
    };
    inner.into_iter().for_each(|value| found.extend(properties(value)));
    found
}
