//! Diffs the machine code of a function at two commits.

use std::{
    collections::BTreeMap,
    rc::Rc,
    time::{Duration, Instant},
};

use iced_x86::{
    Decoder, DecoderOptions, Formatter, Instruction, NasmFormatter, OpKind, SymbolResolver,
    SymbolResult,
};
use object::{
    Architecture, Object, ObjectSection, ObjectSymbol, ObjectSymbolTable, RelocationTarget,
    SymbolKind,
};
use similar::{Algorithm, DiffOp, capture_diff_slices_deadline, group_diff_ops};

use super::names;
use crate::run::Assembly;

/// Most lines of a difference that are stored.
const MOST: usize = 160;

/// Context: equal lines around each change.
const CONTEXT: usize = 3;

/// Longer functions are not compared: their diff would be unreadable.
const LONGEST: usize = 20_000;

/// An executable whose functions can be disassembled.
pub struct Code<'a> {
    file: object::File<'a>,
    /// Symbols by address.
    symbols: Rc<BTreeMap<u64, String>>,
}

/// One instruction.
struct Line {
    /// As shown in the report.
    text: String,
    /// The same without label numbers, which change with every added instruction.
    key: String,
}

impl<'a> Code<'a> {
    /// `None` if the executable is for a processor that can't be disassembled here.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let file = object::File::parse(bytes).ok()?;
        if file.architecture() != Architecture::X86_64 {
            return None;
        }
        let mut symbols = BTreeMap::new();
        for symbol in file.symbols() {
            if let Ok(name) = symbol.name()
                && symbol.address() > 0
                && !name.is_empty()
            {
                symbols.insert(symbol.address(), name.to_owned());
            }
        }
        let imports = imports(&file, &symbols);
        symbols.extend(imports);
        Some(Self {
            file,
            symbols: Rc::new(symbols),
        })
    }

    /// The instructions of the largest function with this name.
    fn lines(&self, name: &str) -> Option<Vec<Line>> {
        let functions = self.file.symbols().filter(|symbol| {
            // Demangling every symbol is slow, so first skip those that can't match.
            let last = name.rsplit("::").next().unwrap_or(name);
            let last = last.trim_matches(|it: char| !it.is_alphanumeric() && it != '_');
            let named = || {
                let name_of = |it: &str| it.contains(last) && names::function(it) == name;
                symbol.name().is_ok_and(name_of)
            };
            symbol.kind() == SymbolKind::Text && symbol.size() > 0 && named()
        });
        let function = functions.max_by_key(ObjectSymbol::size)?;
        let section = self.file.section_by_index(function.section_index()?).ok()?;
        let bytes = section.data_range(function.address(), function.size());
        let bytes = bytes.ok()??;
        Some(self.disassemble(bytes, function.address()))
    }

    fn disassemble(&self, bytes: &[u8], start: u64) -> Vec<Line> {
        let end = start + bytes.len() as u64;
        let instructions: Vec<Instruction> =
            Decoder::with_ip(64, bytes, start, DecoderOptions::NONE)
                .into_iter()
                .collect();
        let inside = |address: &u64| (start..end).contains(address);
        let mut labels: Vec<u64> = instructions
            .iter()
            .filter_map(target)
            .filter(inside)
            .collect();
        labels.sort_unstable();
        labels.dedup();
        let mut lines = Vec::new();
        for numbered in [true, false] {
            let resolver = Names {
                symbols: Rc::clone(&self.symbols),
                sections: self.sections(),
                labels: labels.clone(),
                inside: (start, end),
                numbered,
            };
            let mut formatter = NasmFormatter::with_options(Some(Box::new(resolver)), None);
            formatter
                .options_mut()
                .set_space_after_operand_separator(true);
            let texts = instructions.iter().map(|instruction| {
                let mut text = String::new();
                formatter.format(instruction, &mut text);
                text
            });
            lines.push(texts.collect::<Vec<String>>());
        }
        let keys = lines.pop().unwrap_or_default();
        let texts = lines.pop().unwrap_or_default();
        let label = |instruction: &Instruction| labels.binary_search(&instruction.ip()).ok();
        let numbered = instructions.iter().zip(texts).zip(keys);
        numbered
            .map(|((instruction, text), key)| Line {
                text: match label(instruction) {
                    Some(number) => format!("L{}: {text}", number + 1),
                    None => text,
                },
                key,
            })
            .collect()
    }

    fn sections(&self) -> Vec<(u64, u64, String)> {
        let sections = self.file.sections().filter(|section| section.address() > 0);
        sections
            .map(|section| {
                let name = section.name().unwrap_or("?").to_owned();
                (section.address(), section.address() + section.size(), name)
            })
            .collect()
    }
}

/// The entries of the global offset table, for calls into shared libraries.
fn imports(file: &object::File<'_>, symbols: &BTreeMap<u64, String>) -> Vec<(u64, String)> {
    let table = file.dynamic_symbol_table();
    let name = |relocation: &object::Relocation| {
        if let RelocationTarget::Symbol(index) = relocation.target() {
            let symbol = table.as_ref()?.symbol_by_index(index).ok()?;
            return symbol.name().ok().map(str::to_owned);
        }
        let target = u64::try_from(relocation.addend()).ok()?;
        symbols.get(&target).cloned()
    };
    let relocations = file.dynamic_relocations().into_iter().flatten();
    relocations
        .filter_map(|(address, relocation)| Some((address, name(&relocation)?)))
        .collect()
}

/// The target of a jump or call.
fn target(instruction: &Instruction) -> Option<u64> {
    let near = [
        OpKind::NearBranch64,
        OpKind::NearBranch32,
        OpKind::NearBranch16,
    ];
    let is_near = instruction.op_count() > 0 && near.contains(&instruction.op0_kind());
    is_near.then(|| instruction.near_branch_target())
}

/// Replaces addresses with names.
struct Names {
    symbols: Rc<BTreeMap<u64, String>>,
    sections: Vec<(u64, u64, String)>,
    labels: Vec<u64>,
    inside: (u64, u64),
    numbered: bool,
}

impl SymbolResolver for Names {
    fn symbol(
        &mut self,
        instruction: &Instruction,
        _: u32,
        _: Option<u32>,
        address: u64,
        _: u32,
    ) -> Option<SymbolResult<'_>> {
        let is_address = target(instruction) == Some(address)
            || (instruction.is_ip_rel_memory_operand()
                && instruction.ip_rel_memory_address() == address);
        is_address.then(|| SymbolResult::with_string(address, self.name(address)))
    }
}

impl Names {
    fn name(&self, address: u64) -> String {
        let (start, end) = self.inside;
        if address > start && address < end {
            return match (self.numbered, self.labels.binary_search(&address)) {
                (true, Ok(number)) => format!("L{}", number + 1),
                (_, _) => "L".to_owned(),
            };
        }
        if let Some(name) = self.symbols.get(&address) {
            return names::function(name);
        }
        let mut sections = self.sections.iter();
        let section = sections.find(|(from, to, _)| (*from..*to).contains(&address));
        section.map_or_else(|| "?".to_owned(), |(_, _, name)| name.clone())
    }
}

/// The difference of the function `name`; `None` if one side lacks it or both are equal.
pub fn difference(baseline: &Code<'_>, candidate: &Code<'_>, name: &str) -> Option<Assembly> {
    /// After this long, a coarser diff is good enough.
    const PATIENCE: Duration = Duration::from_secs(1);
    let (before, after) = (baseline.lines(name)?, candidate.lines(name)?);
    if before.len().max(after.len()) > LONGEST {
        return None;
    }
    let keys = |lines: &[Line]| -> Vec<String> { lines.iter().map(|it| it.key.clone()).collect() };
    let deadline = Some(Instant::now() + PATIENCE);
    let (one, other) = (keys(&before), keys(&after));
    let operations = capture_diff_slices_deadline(Algorithm::Myers, &one, &other, deadline);
    let mut difference = Vec::new();
    for (number, group) in group_diff_ops(operations, CONTEXT).iter().enumerate() {
        if number > 0 {
            difference.push("...".to_owned());
        }
        for operation in group {
            difference.extend(shown(operation, &before, &after));
        }
    }
    if difference.is_empty() {
        return None;
    }
    if difference.len() > MOST {
        let more = difference.len() - MOST;
        difference.truncate(MOST);
        difference.push(format!("... {more} more lines"));
    }
    Some(Assembly {
        function: name.to_owned(),
        difference,
    })
}

fn shown(operation: &DiffOp, before: &[Line], after: &[Line]) -> Vec<String> {
    let lines = |sign: char, lines: &[Line]| -> Vec<String> {
        lines
            .iter()
            .map(|line| format!("{sign} {}", line.text))
            .collect()
    };
    let (old, new) = (
        &before[operation.old_range()],
        &after[operation.new_range()],
    );
    match operation {
        DiffOp::Equal { .. } => lines(' ', new),
        DiffOp::Delete { .. } => lines('-', old),
        DiffOp::Insert { .. } => lines('+', new),
        DiffOp::Replace { .. } => [lines('-', old), lines('+', new)].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    /// The running test binary is an executable with symbols.
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn addresses_are_replaced_by_names() {
        #[inline(never)]
        fn long_loop(many: u64) -> u64 {
            (0..many).fold(0, |sum, it| std::hint::black_box(sum ^ (it * 7)))
        }
        assert_eq!(long_loop(1), 0);
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let code = Code::parse(&bytes).unwrap();
        let mut names = code.symbols.values();
        let name = names.find(|name| name.contains("9long_loop")).unwrap();
        let name = &super::names::function(name);
        let lines = code.lines(name).unwrap();
        assert!(lines.len() > 5);
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert!(texts.last().unwrap().contains("ret") || texts.iter().any(|it| it.contains("ret")));
        let calls = texts.iter().filter(|text| text.contains("call "));
        for call in calls {
            assert!(!call.contains("call 0"), "{call}");
        }
        assert!(super::difference(&code, &code, name).is_none());
    }
}
