//! TOML as a tree that remembers where every key and value was written, so that merged files and `--set` still give errors
//! with a place. Knows nothing of experiments but that `methods` and `tasks` are lists of labelled tables.

use super::error::{ConfigError, Origin, hint};
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// A TOML value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Datetime(toml::value::Datetime),
    Array(Vec<Node>),
    Table(Table),
}

/// Keys in the order in which they were written.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Table(pub(super) Vec<Entry>);

/// One key of a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) origin: Origin,
    pub(super) node: Node,
}

impl Table {
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.0.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.0.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.node)
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Entry> {
        let place = self.0.iter().position(|entry| entry.key == key)?;
        Some(self.0.remove(place))
    }

    /// Sets `key` unless it is there.
    pub(super) fn fill(&mut self, key: &str, value: Value) {
        if self.get(key).is_none() {
            let node = Node { value, origin: Origin::Default };
            self.0.push(Entry { key: key.into(), origin: Origin::Default, node });
        }
    }

    /// Lays `over` on top: tables key by key, those of `methods` and `tasks` by label, everything else replaced. A key that says the same
    /// thing in another way goes.
    pub(super) fn merge(&mut self, over: Table) {
        self.0.retain(|own| !over.0.iter().any(|entry| in_place_of(&entry.key, &own.key)));
        for entry in over.0 {
            match self.0.iter_mut().find(|own| own.key == entry.key) {
                None => self.0.push(entry),
                Some(own) => match (&mut own.node.value, entry.node.value) {
                    (Value::Table(under), Value::Table(over)) => {
                        under.merge(over);
                        own.origin = entry.origin;
                        own.node.origin = entry.node.origin;
                    }
                    (Value::Array(under), Value::Array(over)) if ["methods", "tasks"].contains(&own.key.as_str()) => {
                        merge_rows(under, over)
                    }
                    (_, value) => {
                        own.node = Node { value, origin: entry.node.origin };
                        own.origin = entry.origin;
                    }
                },
            }
        }
    }
}

/// Whether `new` says what `old` said before: text in files or the embedded corpus, a tokenizer's file or its size.
fn in_place_of(new: &str, old: &str) -> bool {
    matches!(
        (new, old),
        ("train" | "validation", "corpus")
            | ("corpus", "train" | "validation")
            | ("file", "vocab_size")
            | ("vocab_size", "file")
    )
}

/// A row with a known label changes that row, another is added.
fn merge_rows(under: &mut Vec<Node>, over: Vec<Node>) {
    for row in over {
        let label = label(&row).map(str::to_owned);
        let same = under.iter_mut().find(|own| label.is_some() && self::label(own) == label.as_deref());
        match (same, row.value) {
            (Some(Node { value: Value::Table(own), .. }), Value::Table(new)) => own.merge(new),
            (_, value) => under.push(Node { value, origin: row.origin }),
        }
    }
}

/// The label of a row or a task: its `label`, else its `method` or `task`.
pub(super) fn label(row: &Node) -> Option<&str> {
    let Value::Table(table) = &row.value else { return None };
    match &["label", "method", "task"].iter().find_map(|key| table.get(key))?.value {
        Value::String(label) => Some(label),
        _ => None,
    }
}

impl Node {
    /// A value that nobody wrote.
    pub(super) fn filled_in(value: toml::Value) -> Self {
        let value = match value {
            toml::Value::String(text) => Value::String(text),
            toml::Value::Integer(number) => Value::Integer(number),
            toml::Value::Float(number) => Value::Float(number),
            toml::Value::Boolean(flag) => Value::Boolean(flag),
            toml::Value::Datetime(date) => Value::Datetime(date),
            toml::Value::Array(items) => Value::Array(items.into_iter().map(Self::filled_in).collect()),
            toml::Value::Table(table) => {
                let entry = |(key, value)| Entry { key, origin: Origin::Default, node: Self::filled_in(value) };
                Value::Table(Table(table.into_iter().map(entry).collect()))
            }
        };
        Self { value, origin: Origin::Default }
    }

    /// The first key of the table `table` other than `key`, and where it was written; none if nobody wrote one.
    pub(super) fn other_key(&self, table: &str, key: &str) -> Option<(&str, &Origin)> {
        let Value::Table(root) = &self.value else { return None };
        let Value::Table(table) = &root.get(table)?.value else { return None };
        let other = table.0.iter().find(|entry| entry.key != key && entry.origin != Origin::Default)?;
        Some((&other.key, &other.origin))
    }

    /// Whether the table `table` has `key`.
    pub(super) fn says(&self, table: &str, key: &str) -> bool {
        let Value::Table(root) = &self.value else { return false };
        matches!(root.get(table), Some(Node { value: Value::Table(table), .. }) if table.get(key).is_some())
    }

    /// Follows keys, row labels and array indices as far as they go: where an error about `path` is best shown.
    pub(super) fn nearest(&self, path: &[&str]) -> &Origin {
        let Some((first, rest)) = path.split_first() else { return &self.origin };
        match &self.value {
            Value::Table(table) => match table.0.iter().find(|entry| entry.key == *first) {
                Some(entry) if rest.is_empty() && entry.node.origin == Origin::Default => &self.origin,
                Some(entry) if rest.is_empty() => &entry.origin,
                Some(entry) if entry.node.origin == Origin::Default => &self.origin,
                Some(entry) => entry.node.nearest(rest),
                None => &self.origin,
            },
            Value::Array(items) => {
                let index = first.parse::<usize>().ok().and_then(|index| items.get(index));
                match items.iter().find(|row| label(row) == Some(first)).or(index) {
                    Some(item) => item.nearest(rest),
                    None => &self.origin,
                }
            }
            _ => &self.origin,
        }
    }

    /// What it is, for messages: `the string "abc"`, `12`, `a table`.
    pub(super) fn describe(&self) -> String {
        match &self.value {
            Value::String(text) => format!("the string {text:?}"),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => format!("{number:?}"),
            Value::Boolean(flag) => flag.to_string(),
            Value::Datetime(date) => format!("the date {date}"),
            Value::Array(_) => "an array".into(),
            Value::Table(_) => "a table".into(),
        }
    }
}

/// Reads a TOML document; `path` is what messages call it.
pub(super) fn parse(text: &str, path: &str) -> Result<Table, ConfigError> {
    let source = Source { text, path: path.into() };
    let document = DeTable::parse(text).map_err(|error| {
        let place = source.origin(error.span().map_or(0, |span| span.start));
        ConfigError::new(place, format!("not valid TOML: {}", error.message()))
    })?;
    source.table(document.get_ref())
}

/// Applies one `--set a.b=c`; `methods.<label>.key` reaches into a row.
pub(super) fn set(root: &mut Node, argument: &str) -> Result<(), ConfigError> {
    let origin = Origin::CommandLine(argument.into());
    let refuse = |message: String| Err(ConfigError::new(&origin, message));
    let Some((key, value)) = argument.split_once('=') else {
        return refuse("expected key=value, such as training.steps=100".into());
    };
    let path: Vec<&str> = key.trim().split('.').map(str::trim).collect();
    if path.iter().any(|part| part.is_empty()) {
        return refuse(format!("the key {key:?} has an empty part, expected names joined by single dots"));
    }
    let value = parse_argument(value, &origin);
    let (last, parents) = path.split_last().map_or(("", &path[..]), |(last, parents)| (*last, parents));

    let mut node = root;
    for (depth, part) in parents.iter().enumerate() {
        let here = path[..depth].join(".");
        let found = node.describe();
        node = match &mut node.value {
            Value::Table(table) => {
                if table.get(part).is_none() {
                    let node = Node { value: Value::Table(Table::default()), origin: origin.clone() };
                    table.0.push(Entry { key: (*part).into(), origin: origin.clone(), node });
                }
                match table.get_mut(part) {
                    Some(node) => node,
                    None => return refuse(format!("no key '{part}'")),
                }
            }
            Value::Array(rows) => {
                let labels: Vec<String> = rows.iter().filter_map(label).map(str::to_owned).collect();
                match rows.iter_mut().find(|row| label(row) == Some(part)) {
                    Some(row) => row,
                    None => {
                        let hint = hint(part, labels.iter().map(String::as_str), "labels");
                        return refuse(format!("no row of '{here}' is labelled '{part}'{hint}"));
                    }
                }
            }
            _ => return refuse(format!("'{here}' is {found}, it has no key '{part}'")),
        };
    }
    match &mut node.value {
        Value::Table(table) => {
            let entry = Entry { key: last.into(), origin, node: value };
            table.remove(last);
            table.merge(Table(vec![entry]));
            Ok(())
        }
        _ => refuse(format!("'{}' is {}, it has no key '{last}'", parents.join("."), node.describe())),
    }
}

/// A TOML value, or else the text as a string.
fn parse_argument(text: &str, origin: &Origin) -> Node {
    let value = DeValue::parse(text.trim())
        .ok()
        .and_then(|value| Source { text, path: "--set".into() }.node(&value).ok())
        .map_or_else(|| Value::String(text.to_owned()), |node| node.value);
    let mut node = Node { value, origin: origin.clone() };
    relocate(&mut node, origin);
    node
}

/// Everything below `node` came from `origin`.
fn relocate(node: &mut Node, origin: &Origin) {
    node.origin = origin.clone();
    match &mut node.value {
        Value::Array(items) => items.iter_mut().for_each(|item| relocate(item, origin)),
        Value::Table(table) => {
            for entry in &mut table.0 {
                entry.origin = origin.clone();
                relocate(&mut entry.node, origin);
            }
        }
        _ => {}
    }
}

/// A text in which byte offsets have lines and columns.
struct Source<'a> {
    text: &'a str,
    path: Arc<str>,
}

impl Source<'_> {
    fn origin(&self, offset: usize) -> Origin {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Origin::File {
            path: Arc::clone(&self.path),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    fn table(&self, table: &DeTable<'_>) -> Result<Table, ConfigError> {
        let mut entries = Vec::with_capacity(table.len());
        for (key, value) in table {
            entries.push(Entry {
                key: key.get_ref().to_string(),
                origin: self.origin(key.span().start),
                node: self.node(value)?,
            });
        }
        Ok(Table(entries))
    }

    fn node(&self, value: &Spanned<DeValue<'_>>) -> Result<Node, ConfigError> {
        let origin = self.origin(value.span().start);
        let value = match value.get_ref() {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Integer(number) => {
                let digits: String = number.as_str().chars().filter(|c| *c != '_').collect();
                match i64::from_str_radix(&digits, number.radix()) {
                    Ok(number) => Value::Integer(number),
                    Err(_) => return Err(ConfigError::new(origin, format!("the integer {number} is out of range"))),
                }
            }
            DeValue::Float(number) => {
                let digits: String = number.as_str().chars().filter(|c| *c != '_').collect();
                match digits.parse() {
                    Ok(number) => Value::Float(number),
                    Err(_) => return Err(ConfigError::new(origin, format!("{number} is not a number"))),
                }
            }
            DeValue::Boolean(flag) => Value::Boolean(*flag),
            DeValue::Datetime(date) => Value::Datetime(*date),
            DeValue::Array(items) => {
                Value::Array(items.iter().map(|item| self.node(item)).collect::<Result<_, ConfigError>>()?)
            }
            DeValue::Table(table) => Value::Table(self.table(table)?),
        };
        Ok(Node { value, origin })
    }
}
