//! Finds benchmarks that have the same code at two commits, although the executables differ.
//!
//! Each benchmark gets one hash of everything it can reach: the bytes of functions and data, with
//! numbers instead of addresses, in the order in which relocations lead from one to the next. Names
//! and addresses don't matter; equal hashes mean equal graphs. What every process runs (start-up,
//! divan, functions before `main`) is part of every hash. divan's registry does not connect benchmarks:
//! its entries are linked by functions before `main`, which are recognised by what they refer to and
//! count for the benchmark they register.
//!
//! Excluded on purpose, because they can't change what a benchmark does: line and column of panic
//! locations in the package's own files, and bytes of divan's entries that are not pointers.
//! Code that makes the arguments of other benchmarks also runs. If it can reach a variable of this
//! benchmark that the common code can't reach, it is part of this hash, too.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    path::Path,
};

use anyhow::{Result, ensure};
use object::elf;
use sha2::{Digest, Sha256};

use super::{
    graph::{ABSOLUTE, Content, Edge, Graph, Node, Target},
    registry::{self, Entry, Registry},
    relink::Inputs,
};

/// Hashes of the code of benchmarks, by divan's path. Benchmarks that can't be found are missing.
pub fn identities(
    inputs: &Inputs,
    folder: &Path,
    paths: &BTreeSet<&str>,
) -> Result<BTreeMap<String, String>> {
    let files = inputs.files()?;
    let is_source = |name: &str| folder.ancestors().any(|above| above.join(name).is_file());
    let graph = Graph::new(&files.objects())?;
    let mut identifier = Identifier::new(graph, &files.rest, &is_source)?;
    let mut found = BTreeMap::new();
    for path in paths {
        if let Some(hash) = identifier.of(path)? {
            found.insert((*path).to_owned(), hash);
        }
    }
    Ok(found)
}

/// A walk through the graph.
#[derive(Clone, Default)]
struct Walk {
    hash: Sha256,
    /// The number of each visited node, in order.
    numbers: HashMap<Node, u64>,
}

/// The effects of an instance's code that makes arguments.
struct Startup {
    digest: [u8; 32],
    variables: BTreeSet<Node>,
}

/// Computes the hashes.
pub struct Identifier<'data> {
    graph: Graph<'data>,
    registry: Registry,
    is_source: &'data dyn Fn(&str) -> bool,
    digests: HashMap<Node, [u8; 32]>,
    common: Walk,
    startups: Vec<Startup>,
}

impl<'data> Identifier<'data> {
    /// `rest` is everything else that the link depends on.
    pub fn new(
        mut graph: Graph<'data>,
        rest: &[u8],
        is_source: &'data dyn Fn(&str) -> bool,
    ) -> Result<Self> {
        let registry = registry::registry(&mut graph)?;
        ensure!(
            !registry.entries.is_empty(),
            "divan's registry was not found"
        );
        ensure!(
            !registry.common.is_empty(),
            "the program's entry point was not found"
        );
        let mut identifier = Self {
            graph,
            registry,
            is_source,
            digests: HashMap::new(),
            common: Walk::default(),
            startups: Vec::new(),
        };
        let mut walk = Walk::default();
        walk.hash.update(rest);
        let mut roots: Vec<Edge> = identifier
            .registry
            .common
            .iter()
            .map(|node| to(*node))
            .collect();
        roots.extend(identifier.registry.groups.iter().cloned());
        identifier.walk(&mut walk, &roots)?;
        identifier.common = walk;
        identifier.startups = identifier.startups()?;
        Ok(identifier)
    }

    /// The hash of the benchmark that divan calls `path`.
    pub fn of(&mut self, path: &str) -> Result<Option<String>> {
        let entries = self.registry.entries.iter();
        let mut named =
            entries.filter(|entry| entry.path.as_deref().is_some_and(|it| is_in(path, it)));
        let (Some(entry), None) = (named.next(), named.next()) else {
            return Ok(None);
        };
        let (roots, own) = (roots(entry, path), entry.registration.clone());
        let mut walk = self.common.clone();
        self.walk(&mut walk, &roots)?;
        let variables = self.variables(&walk, &own)?;
        let ties: BTreeSet<[u8; 32]> = self
            .startups
            .iter()
            .filter(|startup| !startup.variables.is_disjoint(&variables))
            .map(|startup| startup.digest)
            .collect();
        for tie in ties {
            walk.hash.update(tie);
        }
        Ok(Some(hex(&walk.hash.finalize())))
    }

    /// Visits and hashes everything reachable from `roots`.
    fn walk(&mut self, walk: &mut Walk, roots: &[Edge]) -> Result<()> {
        let mut waiting = VecDeque::new();
        enter(walk, roots, &mut waiting);
        while let Some(node) = waiting.pop_front() {
            let digest = self.digest(node)?;
            walk.hash.update(digest);
            enter(walk, &self.graph.content(node)?.edges, &mut waiting);
        }
        Ok(())
    }

    fn digest(&mut self, node: Node) -> Result<[u8; 32]> {
        if let Some(digest) = self.digests.get(&node) {
            return Ok(*digest);
        }
        let content = self.graph.content(node)?;
        let mut digest = content.digest;
        if let Some(text) = place_text(content)
            && let Some(name) = text_at(self.graph.content(text)?)
            && !name.starts_with('/')
            && registry::is_source(&name)
            && (self.is_source)(&name)
        {
            digest = Sha256::digest("a place in a source file").into();
        }
        self.digests.insert(node, digest);
        Ok(digest)
    }

    /// The writable nodes that a walk reached beyond the common code.
    fn variables(&mut self, walk: &Walk, own: &BTreeSet<Node>) -> Result<BTreeSet<Node>> {
        let mut variables = BTreeSet::new();
        for node in walk.numbers.keys() {
            if self.common.numbers.contains_key(node) || own.contains(node) {
                continue;
            }
            let content = self.graph.content(*node)?;
            if content.writable && !content.name.starts_with(".data.rel.ro") {
                variables.insert(*node);
            }
        }
        Ok(variables)
    }

    /// For each instance, the code that runs when divan asks for its arguments.
    fn startups(&mut self) -> Result<Vec<Startup>> {
        let mut functions = BTreeSet::new();
        for entry in &self.registry.entries {
            let instances = entry.instances.iter().flat_map(|instance| &instance.edges);
            for edge in entry.edges.iter().chain(instances) {
                if let Target::Nodes(nodes) = &edge.target {
                    functions.extend(nodes.iter().map(|(node, _)| *node));
                }
            }
        }
        let registration: BTreeSet<Node> = {
            let entries = self.registry.entries.iter();
            entries
                .flat_map(|entry| entry.registration.iter().copied())
                .collect()
        };
        let mut startups = Vec::new();
        for function in functions {
            let Some(edges) = self.startup_edges(function)? else {
                continue;
            };
            let mut walk = Walk::default();
            walk.hash.update(self.digest(function)?);
            self.walk(&mut walk, &edges)?;
            let variables = self.variables(&walk, &registration)?;
            startups.push(Startup {
                digest: walk.hash.finalize().into(),
                variables,
            });
        }
        Ok(startups)
    }

    /// The edges that a function for arguments follows itself: calls and data, but not functions whose
    /// address it only takes, for divan to call if the benchmark is selected.
    fn startup_edges(&mut self, function: Node) -> Result<Option<Vec<Edge>>> {
        let content = self.graph.content(function)?.clone();
        if !content.executable {
            return Ok(None);
        }
        if content.name.contains("EntryConst") {
            return Ok(Some(content.edges));
        }
        let (mut edges, mut makes_arguments) = (Vec::new(), false);
        for edge in content.edges {
            let Target::Nodes(nodes) = &edge.target else {
                edges.push(edge);
                continue;
            };
            let mut code = false;
            for (node, _) in nodes {
                let target = self.graph.content(*node)?;
                code |= target.executable;
                makes_arguments |= target.name.contains("__DIVAN_ARGS");
            }
            if !(code && takes_address(&content.bytes, &edge)) {
                edges.push(edge);
            }
        }
        Ok(makes_arguments.then_some(edges))
    }
}

/// Whether a relocation is in an instruction that computes or loads an address (`lea`, `mov`).
fn takes_address(code: &[u8], edge: &Edge) -> bool {
    let at = edge.offset as usize;
    at >= 3
        && matches!(code.get(at - 3..at - 1), Some([0x48 | 0x4c, 0x8d | 0x8b]))
        && edge.kind != elf::R_X86_64_PLT32.0
}

/// Whether divan's path `path` means the benchmark `name`, or that with a type or an argument.
fn is_in(path: &str, name: &str) -> bool {
    path.strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Where a benchmark starts: its entry, and the instance that the path names; all instances if the
/// path does not name exactly one.
fn roots(entry: &Entry, path: &str) -> Vec<Edge> {
    let name = entry.path.as_deref().unwrap_or_default();
    let rest = path
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix("::"));
    let instances = entry.instances.iter().enumerate();
    let named: Vec<usize> = instances
        .filter(|(_, instance)| {
            let mut types = instance.types.iter();
            types.any(|it| rest.is_some_and(|rest| is_in(rest, short(it)) || is_in(rest, it)))
        })
        .map(|(number, _)| number)
        .collect();
    let chosen: Vec<_> = match named.as_slice() {
        [number] => vec![&entry.instances[*number]],
        _ => entry.instances.iter().collect(),
    };
    let mut roots = entry.edges.clone();
    for instance in chosen {
        roots.extend(instance.edges.iter().cloned());
    }
    roots
}

/// A type's name as divan prints it: without modules, except inside `<>`.
fn short(name: &str) -> &str {
    let mut short = name;
    while let Some((module, rest)) = short.split_once("::") {
        if module.contains('<') {
            break;
        }
        short = rest;
    }
    short
}

/// The text of a constant that may be a `core::panic::Location`: text, length, line and
/// column.
fn place_text(content: &Content) -> Option<Node> {
    let [edge] = content.edges.as_slice() else {
        return None;
    };
    let shape = content.bytes.len() == 24
        && content.name.starts_with(".data.rel.ro..L")
        && (edge.offset, edge.kind) == (0, ABSOLUTE);
    match &edge.target {
        Target::Nodes(nodes) if shape && nodes.len() == 1 => Some(nodes[0].0),
        Target::Nodes(_) | Target::Outside(_) => None,
    }
}

fn text_at(content: &Content) -> Option<String> {
    if content.executable || content.writable || !content.edges.is_empty() {
        return None;
    }
    let bytes = content.bytes.strip_suffix(b"\0").unwrap_or(&content.bytes);
    String::from_utf8(bytes.to_vec()).ok()
}

fn to(node: Node) -> Edge {
    Edge {
        offset: 0,
        kind: 0,
        addend: 0,
        target: Target::Nodes(vec![(node, 0)]),
    }
}

/// Hashes edges. New nodes get the next number and are queued.
fn enter(walk: &mut Walk, edges: &[Edge], waiting: &mut VecDeque<Node>) {
    walk.hash.update((edges.len() as u64).to_le_bytes());
    for edge in edges {
        let Edge {
            offset,
            kind,
            addend,
            target,
        } = edge;
        walk.hash.update(offset.to_le_bytes());
        walk.hash.update(kind.to_le_bytes());
        walk.hash.update(addend.to_le_bytes());
        match target {
            Target::Outside(name) => {
                walk.hash
                    .update((1u64 << 63 | name.len() as u64).to_le_bytes());
                walk.hash.update(name);
            }
            Target::Nodes(nodes) => {
                walk.hash.update((nodes.len() as u64).to_le_bytes());
                for (node, at) in nodes {
                    let next = walk.numbers.len() as u64;
                    let number = *walk.numbers.entry(*node).or_insert_with(|| {
                        waiting.push_back(*node);
                        next
                    });
                    walk.hash.update(number.to_le_bytes());
                    walk.hash.update(at.to_le_bytes());
                }
            }
        }
    }
}

fn hex(digest: &[u8]) -> String {
    crate::build::hex(&digest[..16])
}
