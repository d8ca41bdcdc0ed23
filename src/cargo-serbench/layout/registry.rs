//! Finds divan's registry of benchmarks in the inputs of a link, and where each benchmark starts.
//!
//! `#[divan::bench]` makes a static with the names and the function of the benchmark, a list node
//! that points to it, and a function before `main` that pushes the node onto divan's list. The linker
//! only knows the last, so the search goes from the functions before `main` to the names.

use std::collections::BTreeSet;

use anyhow::Result;

use super::graph::{Content, Edge, Graph, Node, Target};

/// The registry of an executable.
#[derive(Debug, Default)]
pub struct Registry {
    pub entries: Vec<Entry>,
    /// What runs for every benchmark: the entry point, and functions before `main` that
    /// register nothing.
    pub common: Vec<Node>,
    /// Options of groups, which apply to the benchmarks in them.
    pub groups: Vec<Edge>,
}

/// A function with `#[divan::bench]`.
#[derive(Debug)]
pub struct Entry {
    /// Its module and name, if unambiguous.
    pub path: Option<String>,
    /// The targets of its static, except the instances below.
    pub edges: Vec<Edge>,
    /// One per type and constant of a generic function.
    pub instances: Vec<Instance>,
    /// The nodes that make up the registration.
    pub registration: BTreeSet<Node>,
}

/// A generic function with a type or constant filled in.
#[derive(Debug)]
pub struct Instance {
    /// Possible names of its type.
    pub types: Vec<String>,
    pub edges: Vec<Edge>,
}

/// Finds the registry.
pub fn registry(graph: &mut Graph<'_>) -> Result<Registry> {
    let mut registry = Registry {
        common: graph.global(b"_start")?,
        ..Registry::default()
    };
    let ends = [".init", ".fini", ".fini_array", ".dtors"];
    registry.common.extend(graph.sections(&ends));
    for list in graph.sections(&[".preinit_array", ".init_array", ".ctors"]) {
        for edge in graph.content(list)?.edges.clone() {
            let Target::Nodes(functions) = edge.target else {
                continue;
            };
            for (function, _) in functions {
                match registration(graph, function)? {
                    Some(registration) => add(graph, &mut registry, registration)?,
                    None => registry.common.push(function),
                }
            }
        }
    }
    Ok(registry)
}

/// A node of divan's list and the static that it points to.
struct Registration {
    node: Node,
    entry: Node,
    of_groups: bool,
}

/// What a function before `main` registers, if it does nothing else.
fn registration(graph: &mut Graph<'_>, function: Node) -> Result<Option<Registration>> {
    let (mut nodes, mut of_groups, mut lists) = (BTreeSet::new(), false, 0);
    for edge in graph.content(function)?.edges.clone() {
        let Some(target) = only(&edge) else {
            return Ok(None);
        };
        let Content {
            name, executable, ..
        } = graph.content(target)?;
        let of_benches = is_list(name, "5entry13BENCH_ENTRIES");
        if of_benches || is_list(name, "5entry13GROUP_ENTRIES") {
            lists += 1;
            of_groups |= !of_benches;
        } else if *executable && !name.contains("EntryList") {
            return Ok(None);
        } else if !executable {
            nodes.insert(target);
        }
    }
    let (Some(&node), 1, true) = (nodes.first(), nodes.len(), lists > 0) else {
        return Ok(None);
    };
    let content = graph.content(node)?;
    let entry = match content.edges.as_slice() {
        [edge] if content.name.contains("NODE") => only(edge),
        _ => None,
    };
    Ok(entry.map(|entry| Registration {
        node,
        entry,
        of_groups,
    }))
}

/// Whether a mangled name is a list of divan, or of its fork `codspeed-divan-compat-walltime`.
fn is_list(mangled: &str, list: &str) -> bool {
    ["5divan", "30codspeed_divan_compat_walltime"]
        .iter()
        .any(|krate| mangled.contains(&format!("{krate}{list}")))
}

fn only(edge: &Edge) -> Option<Node> {
    match &edge.target {
        Target::Nodes(nodes) if nodes.len() == 1 => Some(nodes[0].0),
        Target::Nodes(_) | Target::Outside(_) => None,
    }
}

fn add(graph: &mut Graph<'_>, registry: &mut Registry, found: Registration) -> Result<()> {
    let Registration {
        node,
        entry,
        of_groups,
    } = found;
    let all = graph.content(entry)?.edges.clone();
    let (mut edges, mut arrays) = (Vec::new(), BTreeSet::new());
    for edge in all {
        let instances = instances(graph, entry, &edge)?;
        match instances.is_empty() {
            true => edges.push(edge),
            false => arrays.extend(instances),
        }
    }
    if of_groups && arrays.is_empty() {
        registry.groups.extend(edges);
        return Ok(());
    }
    let mut registration: BTreeSet<Node> = arrays.clone();
    registration.extend([node, entry]);
    let mut instances = Vec::new();
    for array in arrays {
        instances.extend(elements(graph, entry, array)?);
    }
    registry.entries.push(Entry {
        path: path(graph, &edges)?,
        edges,
        instances,
        registration,
    });
    Ok(())
}

/// The arrays of instances reached from an edge of an entry, directly or through an array of arrays:
/// those that point back to the entry.
fn instances(graph: &mut Graph<'_>, entry: Node, edge: &Edge) -> Result<BTreeSet<Node>> {
    let mut found = BTreeSet::new();
    let Some(target) = only(edge).filter(|target| *target != entry) else {
        return Ok(found);
    };
    let content = graph.content(target)?;
    if content.executable {
        return Ok(found);
    }
    let further: Vec<Node> = content.edges.iter().filter_map(only).collect();
    if further.contains(&entry) {
        found.insert(target);
        return Ok(found);
    }
    for node in further {
        let content = graph.content(node)?;
        if !content.executable && content.edges.iter().any(|edge| only(edge) == Some(entry)) {
            found.insert(node);
        }
    }
    Ok(found)
}

/// The elements of an array, each with one pointer to the entry. If they can't be separated, the
/// array is one instance.
fn elements(graph: &mut Graph<'_>, entry: Node, array: Node) -> Result<Vec<Instance>> {
    let content = graph.content(array)?.clone();
    let is_group = |edge: &&Edge| only(edge) == Some(entry);
    let groups: Vec<u64> = content
        .edges
        .iter()
        .filter(is_group)
        .map(|edge| edge.offset)
        .collect();
    let (count, size) = (groups.len() as u64, content.bytes.len() as u64);
    let stride = size / count.max(1);
    let even = groups
        .iter()
        .zip(0..)
        .all(|(offset, number)| *offset == groups[0] + number * stride);
    let others = content
        .edges
        .into_iter()
        .filter(|edge| only(edge) != Some(entry));
    if !even || count * stride != size {
        return Ok(vec![Instance {
            types: Vec::new(),
            edges: others.collect(),
        }]);
    }
    let mut elements: Vec<Instance> = (0..count)
        .map(|_| Instance {
            types: Vec::new(),
            edges: Vec::new(),
        })
        .collect();
    for mut edge in others {
        let element = &mut elements[(edge.offset / stride) as usize];
        edge.offset %= stride;
        element.edges.push(edge);
    }
    for element in &mut elements {
        for edge in element.edges.clone() {
            element.types.extend(type_name(graph, &edge)?);
        }
    }
    Ok(elements)
}

/// The text returned by a function that does nothing else, such as `std::any::type_name`.
fn type_name(graph: &mut Graph<'_>, edge: &Edge) -> Result<Option<String>> {
    let Some(function) = only(edge) else {
        return Ok(None);
    };
    let content = graph.content(function)?;
    let (true, [returned]) = (content.executable, content.edges.as_slice()) else {
        return Ok(None);
    };
    let returned = returned.clone();
    text(graph, &returned)
}

/// The text at the target of an edge.
fn text(graph: &mut Graph<'_>, edge: &Edge) -> Result<Option<String>> {
    let Some(target) = only(edge) else {
        return Ok(None);
    };
    let content = graph.content(target)?;
    let constant = !content.executable && !content.writable && content.edges.is_empty();
    let bytes = content.bytes.strip_suffix(b"\0").unwrap_or(&content.bytes);
    let text = std::str::from_utf8(bytes).ok().filter(|_| constant);
    Ok(text.map(str::to_owned))
}

/// `module::function`, from the texts in an entry: file, module, and the name twice. A
/// benchmark whose name differs from its function has more texts.
fn path(graph: &mut Graph<'_>, edges: &[Edge]) -> Result<Option<String>> {
    let mut texts = Vec::new();
    for edge in edges {
        texts.extend(text(graph, edge)?);
    }
    let files = texts.extract_if(.., |text| is_source(text)).count();
    texts.sort_unstable();
    Ok(match (files, texts.as_slice()) {
        (1, [one, two, module]) if one == two => Some(format!("{module}::{one}")),
        (1, [module, one, two]) if one == two => Some(format!("{module}::{one}")),
        _ => None,
    })
}

/// Whether a text is the path of a Rust file.
pub fn is_source(text: &str) -> bool {
    text.ends_with(".rs")
}
