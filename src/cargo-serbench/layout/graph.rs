//! The graph of a link's inputs: the sections of objects, and their references to each other.
//!
//! The code or data of a section can refer to another section only by a relocation; distances within
//! a section are fixed. So relocations define everything a function can reach, including vtables,
//! tables of pointers and thread-locals; the linker's own garbage collection relies on this, too.
//! If it does not hold (indirect functions, inputs that are not machine code), building the graph
//! fails.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use anyhow::{Context, Result, bail, ensure};
use object::{
    Object as _, ObjectSection, ObjectSymbol, Relocation, RelocationFlags, RelocationTarget,
    SectionFlags, SectionIndex, SymbolFlags, SymbolIndex, SymbolSection, elf,
    read::elf::{ElfFile64, ElfSection64, ElfSymbol64},
};
use sha2::{Digest, Sha256};

/// The relocation that writes an absolute address.
pub const ABSOLUTE: u32 = elf::R_X86_64_64.0;

type File<'data> = ElfFile64<'data, object::LittleEndian>;

/// The number of a node.
pub type Node = usize;

/// A section, or one piece of a section whose pieces the linker merges.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    object: usize,
    section: usize,
    /// `None` for the whole section.
    piece: Option<(u64, u64)>,
}

/// The target of a relocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Nodes, and offsets in them. Several if the linker may choose one of them.
    Nodes(Vec<(Node, u64)>),
    /// A symbol that no input defines: from a shared library or made by the linker.
    Outside(Vec<u8>),
}

/// A relocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Its offset in the section; for edges added by unwinding, beyond the section.
    pub offset: u64,
    pub kind: u32,
    pub addend: i64,
    pub target: Target,
}

/// The content of a node.
#[derive(Clone, Debug)]
pub struct Content {
    pub name: String,
    /// Hash of bytes, size, alignment and flags, excluding bytes written by relocations.
    pub digest: [u8; 32],
    pub bytes: Vec<u8>,
    pub edges: Vec<Edge>,
    pub executable: bool,
    pub writable: bool,
}

/// The graph, built as far as it was visited.
pub struct Graph<'data> {
    objects: Vec<File<'data>>,
    /// Definitions of global symbols.
    globals: HashMap<&'data [u8], Vec<(usize, SymbolIndex)>>,
    /// Sections by name, for the symbols that linkers define at their ends.
    named: HashMap<&'data [u8], Vec<(usize, usize)>>,
    /// For each section of code, by object: the relocations needed to unwind it.
    unwinding: BTreeMap<(usize, usize), Needs>,
    numbers: HashMap<Key, Node>,
    keys: Vec<Key>,
    contents: Vec<Option<Content>>,
}

impl<'data> Graph<'data> {
    /// Indexes relocatable objects.
    pub fn new(files: &[&'data [u8]]) -> Result<Self> {
        let mut graph = Self {
            objects: Vec::new(),
            globals: HashMap::new(),
            named: HashMap::new(),
            unwinding: BTreeMap::new(),
            numbers: HashMap::new(),
            keys: Vec::new(),
            contents: Vec::new(),
        };
        for bytes in files {
            let file = File::parse(*bytes).context("an input is not an object for this machine")?;
            graph.add(file)?;
        }
        Ok(graph)
    }

    fn add(&mut self, file: File<'data>) -> Result<()> {
        ensure!(
            file.elf_header().e_machine.get(object::LittleEndian) == elf::EM_X86_64,
            "an input is for another architecture"
        );
        let number = self.objects.len();
        for section in file.sections() {
            let name = section.name_bytes()?;
            let place = (number, section.index().0);
            self.named.entry(name).or_default().push(place);
            if name == b".eh_frame" {
                for (code, needs) in unwinding(&file, &section)? {
                    let all = self.unwinding.entry((number, code)).or_default();
                    all.extend(needs);
                }
            }
        }
        for symbol in file.symbols() {
            if let SymbolFlags::Elf { st_info, .. } = symbol.flags() {
                let indirect = st_info.st_type() == elf::STT_GNU_IFUNC;
                ensure!(!indirect, "an input has indirect functions");
            }
            if symbol.is_global() && symbol.is_definition() {
                let all = self.globals.entry(symbol.name_bytes()?).or_default();
                all.push((number, symbol.index()));
            }
        }
        self.objects.push(file);
        Ok(())
    }

    /// The nodes that a global symbol may refer to.
    pub fn global(&mut self, name: &[u8]) -> Result<Vec<Node>> {
        Ok(match self.named_target(name)? {
            Target::Nodes(nodes) => nodes.into_iter().map(|(node, _)| node).collect(),
            Target::Outside(_) => Vec::new(),
        })
    }

    /// All sections with one of these names, or such a name and a suffix after a dot, in order.
    pub fn sections(&mut self, names: &[&str]) -> Vec<Node> {
        let matches = |name: &[u8]| {
            names
                .iter()
                .filter_map(|it| name.strip_prefix(it.as_bytes()))
                .any(|rest| rest.is_empty() || rest[0] == b'.')
        };
        let named = self.named.iter().filter(|(name, _)| matches(name));
        let mut places: Vec<(usize, usize)> = named
            .flat_map(|(_, places)| places.iter().copied())
            .collect();
        places.sort_unstable();
        places
            .into_iter()
            .map(|(object, section)| {
                self.number(Key {
                    object,
                    section,
                    piece: None,
                })
            })
            .collect()
    }

    /// The content of a node, read once.
    pub fn content(&mut self, node: Node) -> Result<&Content> {
        if self.contents[node].is_none() {
            let key = self.keys[node].clone();
            let content = self.read(&key)?;
            self.contents[node] = Some(content);
        }
        Ok(self.contents[node].as_ref().expect("it was just read"))
    }

    fn number(&mut self, key: Key) -> Node {
        if let Some(&number) = self.numbers.get(&key) {
            return number;
        }
        let number = self.keys.len();
        self.keys.push(key.clone());
        self.contents.push(None);
        self.numbers.insert(key, number);
        number
    }

    fn read(&mut self, key: &Key) -> Result<Content> {
        let section = self.objects[key.object].section_by_index(SectionIndex(key.section))?;
        let header = section.elf_section_header();
        let flags = header.sh_flags.get(object::LittleEndian).0;
        let kind = header.sh_type.get(object::LittleEndian);
        let all = section.data().context("a section can't be read")?;
        let range = key.piece.map_or(0..section.size(), |(from, to)| from..to);
        let name = String::from_utf8_lossy(section.name_bytes()?).into_owned();
        let relocations: Vec<_> = section
            .relocations()
            .filter(|(offset, _)| range.contains(offset))
            .collect();
        // A section without bytes in the file is zero.
        let bytes = match kind == elf::SHT_NOBITS {
            true => Vec::new(),
            false => all[range.start as usize..range.end as usize].to_vec(),
        };
        let figures = [
            u64::from(kind.0),
            // Group membership only matters to the linker.
            flags & !elf::SHF_GROUP.0,
            section.align(),
            range.end - range.start,
        ];
        let mut edges = Vec::new();
        for (offset, relocation) in relocations {
            edges.push(self.edge(key.object, offset - range.start, &relocation)?);
        }
        edges.sort_by_key(|edge| edge.offset);
        if key.piece.is_none() {
            edges.extend(self.unwinding_edges(key)?);
        }
        Ok(Content {
            name,
            digest: digest(figures, &bytes),
            bytes,
            edges,
            executable: flags & elf::SHF_EXECINSTR.0 != 0,
            writable: flags & elf::SHF_WRITE.0 != 0,
        })
    }

    fn edge(&mut self, object: usize, offset: u64, relocation: &Relocation) -> Result<Edge> {
        let RelocationFlags::Elf { r_type } = relocation.flags() else {
            bail!("a relocation is of another format");
        };
        let (target, addend) = match relocation.target() {
            RelocationTarget::Symbol(symbol) => self.target(object, symbol, relocation.addend())?,
            RelocationTarget::Absolute => (Target::Outside(Vec::new()), relocation.addend()),
            _ => bail!("a relocation has an unknown target"),
        };
        Ok(Edge {
            offset,
            kind: r_type.0,
            addend,
            target,
        })
    }

    fn unwinding_edges(&mut self, key: &Key) -> Result<Vec<Edge>> {
        let needs = self.unwinding.get(&(key.object, key.section)).cloned();
        let mut edges = Vec::new();
        for (kind, symbol, addend) in needs.unwrap_or_default() {
            let (target, addend) = self.target(key.object, symbol, addend)?;
            edges.push(Edge {
                offset: u64::MAX,
                kind: kind as u32,
                addend,
                target,
            });
        }
        Ok(edges)
    }

    /// The target of a relocation to a symbol of an object, and the remaining addend.
    fn target(&mut self, object: usize, index: SymbolIndex, addend: i64) -> Result<(Target, i64)> {
        let symbol = self.objects[object].symbol_by_index(index)?;
        if symbol.is_local() {
            return self.defined(object, index, addend);
        }
        let name = symbol.name_bytes()?;
        Ok((self.named_target(name)?, addend))
    }

    fn named_target(&mut self, name: &[u8]) -> Result<Target> {
        let mut nodes = Vec::new();
        for (object, symbol) in self.globals.get(name).cloned().unwrap_or_default() {
            match self.defined(object, symbol, 0)? {
                (Target::Nodes(more), _) => nodes.extend(more),
                // An absolute value or a common block.
                (outside @ Target::Outside(_), _) => return Ok(outside),
            }
        }
        let ends: [&[u8]; 2] = [b"__start_", b"__stop_"];
        let marked = ends.iter().find_map(|end| name.strip_prefix(*end));
        if let Some(places) = marked.and_then(|marked| self.named.get(marked)) {
            for (object, section) in places.clone() {
                let piece = None;
                let key = Key {
                    object,
                    section,
                    piece,
                };
                nodes.push((self.number(key), 0));
            }
        }
        Ok(match nodes.is_empty() {
            true => Target::Outside(name.to_vec()),
            false => Target::Nodes(nodes),
        })
    }

    /// The same for a symbol that this object defines.
    fn defined(&mut self, object: usize, index: SymbolIndex, addend: i64) -> Result<(Target, i64)> {
        let file = &self.objects[object];
        let symbol = file.symbol_by_index(index)?;
        let at = symbol.address();
        let outside = |what: &[u8]| Ok((Target::Outside(what.to_vec()), addend));
        let section = match symbol.section() {
            SymbolSection::Section(section) => section,
            SymbolSection::Absolute => return outside(&at.to_le_bytes()),
            SymbolSection::Common => return outside(&symbol.size().to_le_bytes()),
            SymbolSection::Undefined if index.0 == 0 => return outside(&[]),
            _ => bail!("a symbol is in no section"),
        };
        let of = file.section_by_index(section)?;
        // For merged sections, the linker counts the addend as part of the place if the symbol is the section
        // itself, and as a distance from the piece for any other symbol.
        let far = is_section(&symbol);
        let piece = piece(&of, if far { addend as u64 } else { at })?;
        let start = piece.as_ref().map_or(0, |piece| piece.start);
        let (into, addend) = match far && piece.is_some() {
            true => (0, addend - start as i64),
            false => (at - start, addend),
        };
        let key = Key {
            object,
            section: section.0,
            piece: piece.map(|piece| (piece.start, piece.end)),
        };
        Ok((Target::Nodes(vec![(self.number(key), into)]), addend))
    }
}

fn digest(figures: [u64; 4], bytes: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for figure in figures {
        hash.update(figure.to_le_bytes());
    }
    hash.update(bytes);
    hash.finalize().into()
}

fn is_section(symbol: &ElfSymbol64<'_, '_, object::LittleEndian>) -> bool {
    matches!(symbol.flags(), SymbolFlags::Elf { st_info, .. } if st_info.st_type() == elf::STT_SECTION)
}

/// The piece at `offset` of a section whose equal pieces the linker merges.
fn piece(
    section: &ElfSection64<'_, '_, object::LittleEndian>,
    offset: u64,
) -> Result<Option<Range<u64>>> {
    let SectionFlags::Elf { sh_flags, .. } = section.flags() else {
        bail!("a section is of another format");
    };
    let header = section.elf_section_header();
    let size = header.sh_entsize.get(object::LittleEndian);
    if sh_flags.0 & elf::SHF_MERGE.0 == 0 || size == 0 || offset >= section.size() {
        return Ok(None);
    }
    if section.relocations().next().is_some() {
        return Ok(None);
    }
    if sh_flags.0 & elf::SHF_STRINGS.0 == 0 {
        let start = offset - offset % size;
        return Ok(Some(start..(start + size).min(section.size())));
    }
    if size != 1 {
        return Ok(None);
    }
    let bytes = section.data()?;
    let at = offset as usize;
    let start = bytes[..at].iter().rposition(|byte| *byte == 0);
    let end = bytes[at..].iter().position(|byte| *byte == 0);
    let (start, end) = (
        start.map_or(0, |zero| zero + 1),
        end.map_or(bytes.len(), |zero| at + zero + 1),
    );
    Ok(Some(start as u64..end as u64))
}

/// Relocations of unwinding information: offset, symbol, addend.
type Needs = Vec<(u64, SymbolIndex, i64)>;

/// What is needed to unwind each section of code: the relocations of its entries in `.eh_frame`
/// except the first, which refers to the code, and those of the entries they are based on.
fn unwinding(
    file: &File<'_>,
    frames: &ElfSection64<'_, '_, object::LittleEndian>,
) -> Result<BTreeMap<usize, Needs>> {
    let mut all: BTreeMap<usize, Needs> = BTreeMap::new();
    let mut common: BTreeMap<usize, Needs> = BTreeMap::new();
    let mut relocations: Vec<(u64, SymbolIndex, i64)> = Vec::new();
    for (offset, relocation) in frames.relocations() {
        let RelocationTarget::Symbol(symbol) = relocation.target() else {
            bail!("unwinding information has an unknown relocation");
        };
        relocations.push((offset, symbol, relocation.addend()));
    }
    relocations.sort_by_key(|(offset, ..)| *offset);
    let bytes = frames.data()?;
    let word = |at: usize| -> Result<usize> {
        let four = bytes
            .get(at..at + 4)
            .context("unwinding information ends early")?;
        Ok(u32::from_le_bytes(four.try_into().expect("four bytes")) as usize)
    };
    let mut at = 0;
    while at + 4 <= bytes.len() {
        let length = word(at)?;
        if length == 0 {
            at += 4;
            continue;
        }
        ensure!(
            length < 0xffff_fff0,
            "unwinding information is of the long form"
        );
        let end = at + 4 + length;
        let first = relocations.partition_point(|(offset, ..)| *offset < at as u64);
        let here = relocations[first..]
            .iter()
            .map_while(|(offset, symbol, addend)| {
                (*offset < end as u64).then_some((offset - at as u64, *symbol, *addend))
            });
        let here: Needs = here.collect();
        let base = word(at + 4)?;
        if base == 0 {
            common.insert(at, here);
        } else if let Some(((_, code, _), rest)) = here.split_first() {
            let section = file.symbol_by_index(*code)?.section_index();
            let section = section.context("unwinding information of unknown code")?;
            let needs = all.entry(section.0).or_default();
            needs.extend_from_slice(rest);
            let base = (at + 4)
                .checked_sub(base)
                .and_then(|base| common.get(&base));
            needs.extend_from_slice(base.context("unwinding information builds on nothing")?);
        }
        at = end;
    }
    Ok(all)
}
