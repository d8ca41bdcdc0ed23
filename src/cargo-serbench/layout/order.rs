//! One order for the functions of two executables, so that common functions can get equal addresses.

use std::collections::{BTreeMap, VecDeque};

use object::{Object, ObjectSymbol, SymbolKind};
use serbench::random::Random;

/// A function of an executable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The linker's name for it.
    pub symbol: String,
    /// In bytes.
    pub size: u64,
    pub address: u64,
}

/// A function that both executables have: its symbol in each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Common {
    pub symbols: [String; 2],
}

/// The functions of an executable by address; empty if it isn't one.
pub fn functions(executable: &[u8]) -> Vec<Function> {
    let Ok(file) = object::File::parse(executable) else {
        return Vec::new();
    };
    let mut functions: Vec<Function> = file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition())
        .filter_map(|symbol| {
            Some(Function {
                symbol: symbol.name().ok()?.to_owned(),
                size: symbol.size(),
                address: symbol.address(),
            })
        })
        .collect();
    functions.sort_by(|a, b| (a.address, &a.symbol).cmp(&(b.address, &b.symbol)));
    // Aliases and functions that the linker folded into one move together.
    functions.dedup_by_key(|function| function.address);
    functions
}

/// Functions with equal name and size in both, in the order of the first. A name that occurs several
/// times (instances of a generic function differ only by a hash) is matched by address.
pub fn common(functions: [&[Function]; 2]) -> Vec<Common> {
    let mut others: BTreeMap<(String, u64), VecDeque<&Function>> = BTreeMap::new();
    for function in functions[1] {
        let key = (without_hashes(&function.symbol), function.size);
        others.entry(key).or_default().push_back(function);
    }
    let common = functions[0].iter().filter_map(|function| {
        let key = (without_hashes(&function.symbol), function.size);
        let other = others.get_mut(&key)?.pop_front()?;
        Some(Common {
            symbols: [function.symbol.clone(), other.symbol.clone()],
        })
    });
    common.collect()
}

/// `common` in order number `variant`; number 0 is the original order.
pub fn permuted(common: &[Common], variant: u64) -> Vec<&Common> {
    let mut order: Vec<&Common> = common.iter().collect();
    if variant > 0 {
        let mut random = Random::seeded(variant);
        for last in (1..order.len()).rev() {
            order.swap(last, random.below(last as u64 + 1) as usize);
        }
    }
    order
}

/// How many common functions have equal addresses in two executables.
pub fn aligned(common: &[Common], functions: [&[Function]; 2]) -> usize {
    let addresses = functions.map(|functions| {
        let pairs = functions.iter();
        pairs
            .map(|function| (function.symbol.as_str(), function.address))
            .collect::<BTreeMap<_, _>>()
    });
    let equal = |common: &&Common| {
        let [one, other] = [0, 1].map(|side| addresses[side].get(common.symbols[side].as_str()));
        one.is_some() && one == other
    };
    common.iter().filter(equal).count()
}

/// A symbol without the hashes that rustc derives from the package's folder: `17h` and 16 digits in
/// legacy mangling, `Cs` and base 62 up to `_` in v0 (RFC 2603).
fn without_hashes(symbol: &str) -> String {
    if let Some(start) = symbol.rfind("17h")
        && symbol.len() - start >= 20
        && symbol[start + 3..start + 19]
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit())
    {
        return format!("{}{}", &symbol[..start], &symbol[start + 19..]);
    }
    let mut text = String::with_capacity(symbol.len());
    let mut rest = symbol;
    while let Some(start) = rest.find("Cs") {
        let after = &rest[start + 2..];
        let digits = after.bytes().take_while(u8::is_ascii_alphanumeric).count();
        text.push_str(&rest[..start + 1]);
        rest = match after.as_bytes().get(digits) {
            Some(b'_') => &after[digits + 1..],
            Some(_) | None => &rest[start + 1..],
        };
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::{Common, Function, aligned, common, permuted, without_hashes};

    fn function(symbol: &str, size: u64, address: u64) -> Function {
        Function {
            symbol: symbol.to_owned(),
            size,
            address,
        }
    }

    fn pair(one: &str, other: &str) -> Common {
        Common {
            symbols: [one.to_owned(), other.to_owned()],
        }
    }

    #[test]
    fn hashes_of_folders_are_ignored() {
        let name = |hash| without_hashes(&format!("_ZN3toy4work17h{hash}E"));
        assert_eq!(name("0123456789abcdef"), name("fedcba9876543210"));
        assert_ne!(name("0123456789abcdef"), name("0123456789abcdeg"));
        assert_eq!(
            without_hashes("_RNvCs1234_7mycrate3foo"),
            without_hashes("_RNvCsAbCd_7mycrate3foo")
        );
        assert_eq!(without_hashes("_RNvC7mycrate3Csv"), "_RNvC7mycrate3Csv");
        assert_eq!(without_hashes("main"), "main");
    }

    #[test]
    fn functions_match_by_name_and_size() {
        let one = [
            function("b17h0000000000000001E", 8, 0),
            function("a17h0000000000000001E", 8, 16),
            function("a17h0000000000000002E", 8, 32),
            function("gone", 8, 48),
            function("grown", 8, 64),
        ];
        let other = [
            function("a17h000000000000000aE", 8, 0),
            function("grown", 9, 16),
            function("b17h000000000000000bE", 8, 32),
            function("new", 8, 48),
            function("a17h000000000000000cE", 8, 64),
        ];
        let found = common([&one, &other]);
        assert_eq!(
            found,
            [
                pair("b17h0000000000000001E", "b17h000000000000000bE"),
                pair("a17h0000000000000001E", "a17h000000000000000aE"),
                pair("a17h0000000000000002E", "a17h000000000000000cE"),
            ]
        );
        assert_eq!(aligned(&found, [&one, &other]), 0);
        let moved = [
            function("b17h000000000000000bE", 8, 0),
            function("a17h000000000000000aE", 8, 16),
        ];
        assert_eq!(aligned(&found, [&one, &moved]), 2);
    }

    #[test]
    fn orders_are_permutations_that_a_number_repeats() {
        let all: Vec<Common> = (0..50)
            .map(|number| pair(&number.to_string(), &number.to_string()))
            .collect();
        let natural: Vec<&Common> = all.iter().collect();
        assert_eq!(permuted(&all, 0), natural);
        assert_eq!(permuted(&all, 7), permuted(&all, 7));
        assert_ne!(permuted(&all, 7), permuted(&all, 8));
        let mut sorted = permuted(&all, 7);
        sorted.sort_by_key(|common| common.symbols[0].parse::<u32>().unwrap());
        assert_eq!(sorted, natural);
    }
}
