//! Computes where the parts of a type lie in memory: the canonical ABI's alignments, sizes and
//! field offsets.
//!
//! Layouts have the same form as types, and are shared where definitions are. They also contain the
//! names in WIT and in JSON, so that reading a value needs nothing else.

use std::collections::HashMap;
use std::sync::Arc;

use crate::types::{Case, Definition, Epoch, Type};

/// How a value of a type lies in memory. All numbers are bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(super) size: usize,
    pub(super) align: usize,
    pub(super) kind: Kind,
}

/// What a value's bytes mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    U8,
    U16,
    U32,
    U64,
    S8,
    S16,
    S32,
    S64,
    F32,
    F64,
    Char,
    String,
    Bytes,
    Datetime(Epoch),
    Option(Part),
    /// An option whose payload is an option. The part is the inner option.
    Clearable(Part),
    List(Arc<Layout>),
    /// A list of pairs of a key and a value: the layout of a pair, and the value in it.
    Map(Arc<Layout>, Part),
    Tuple(Vec<Part>),
    Record(Vec<Member>),
    Enum(Cases),
    Variant(Cases),
    /// One bit for each name, in order.
    Flags(Vec<CaseName>),
    Result {
        ok: Option<Part>,
        error: Option<Part>,
    },
}

/// A value within another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) offset: usize,
    pub(super) layout: Arc<Layout>,
}

/// A record's field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    /// The name as it is written in JSON, with quotes and colon.
    pub(super) key: String,
    pub(super) part: Part,
}

/// The name of a case or of a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CaseName {
    pub(super) wit: String,
    /// The name as it is written in JSON, with quotes.
    pub(super) json: String,
}

/// The cases of an enum or a variant, in the order of their discriminants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cases {
    pub(super) discriminant_size: usize,
    pub(super) cases: Vec<(CaseName, Option<Part>)>,
}

/// Computes layouts, each definition's once.
#[derive(Default)]
pub(crate) struct Layouts {
    /// The layouts of definitions. The types keep the definitions alive, and so their identities.
    known: HashMap<Definition, (Type, Arc<Layout>)>,
}

impl Layouts {
    /// Returns the layout of a type.
    pub(crate) fn of(&mut self, ty: &Type) -> Arc<Layout> {
        let Some(definition) = ty.definition() else {
            return Arc::new(self.compute(ty));
        };
        if let Some((_, known)) = self.known.get(&definition) {
            return Arc::clone(known);
        }
        let layout = Arc::new(self.compute(ty));
        self.known
            .insert(definition, (ty.clone(), Arc::clone(&layout)));
        layout
    }

    fn compute(&mut self, ty: &Type) -> Layout {
        let scalar = |size, kind| Layout {
            size,
            align: size,
            kind,
        };
        // The address and the number of elements, 4 bytes each.
        let list = |kind| Layout {
            size: 8,
            align: 4,
            kind,
        };
        match ty {
            Type::Bool => scalar(1, Kind::Bool),
            Type::U8 => scalar(1, Kind::U8),
            Type::U16 => scalar(2, Kind::U16),
            Type::U32 => scalar(4, Kind::U32),
            Type::U64 => scalar(8, Kind::U64),
            Type::S8 => scalar(1, Kind::S8),
            Type::S16 => scalar(2, Kind::S16),
            Type::S32 => scalar(4, Kind::S32),
            Type::S64 => scalar(8, Kind::S64),
            Type::F32 => scalar(4, Kind::F32),
            Type::F64 => scalar(8, Kind::F64),
            Type::Char => scalar(4, Kind::Char),
            Type::String => list(Kind::String),
            Type::Bytes => list(Kind::Bytes),
            Type::Datetime(epoch) => Layout {
                size: 16,
                align: 8,
                kind: Kind::Datetime(*epoch),
            },
            Type::Option(inner) => option(self.of(inner), Kind::Option),
            Type::Clearable(inner) => {
                let inner = option(self.of(inner), Kind::Option);
                option(inner.into(), Kind::Clearable)
            }
            Type::List(item) => list(Kind::List(self.of(item))),
            Type::Map(item) => {
                let (size, align, parts) = self.in_order([&Type::String, item].into_iter());
                let value = parts[1].clone();
                let pair = Layout {
                    size,
                    align,
                    kind: Kind::Tuple(parts),
                };
                list(Kind::Map(pair.into(), value))
            }
            Type::Tuple(types) => {
                let (size, align, parts) = self.in_order(types.iter());
                Layout {
                    size,
                    align,
                    kind: Kind::Tuple(parts),
                }
            }
            Type::Record(record) => {
                let (size, align, parts) =
                    self.in_order(record.fields.iter().map(|field| &field.ty));
                let members = record.fields.iter().zip(parts);
                let member = |(field, part): (&crate::types::Field, _)| Member {
                    name: field.name.clone(),
                    key: field.key.clone(),
                    part,
                };
                Layout {
                    size,
                    align,
                    kind: Kind::Record(members.map(member).collect()),
                }
            }
            Type::Enum(names) => {
                let cases = names.cases.iter().map(|case| (CaseName::of(case), None));
                let (size, align, cases) = self.cases_of(cases.collect());
                Layout {
                    size,
                    align,
                    kind: Kind::Enum(cases),
                }
            }
            Type::Variant(variant) => {
                let cases = variant.cases.iter();
                let cases = cases.map(|case| (CaseName::of(case), case.payload.as_ref()));
                let (size, align, cases) = self.cases_of(cases.collect());
                Layout {
                    size,
                    align,
                    kind: Kind::Variant(cases),
                }
            }
            Type::Flags(names) => {
                let (size, align) = match names.cases.len() {
                    0..=8 => (1, 1),
                    9..=16 => (2, 2),
                    count => (count.div_ceil(32) * 4, 4),
                };
                let names = names.cases.iter().map(CaseName::of).collect();
                Layout {
                    size,
                    align,
                    kind: Kind::Flags(names),
                }
            }
            Type::Result(result) => self.result(result.ok.as_ref(), result.error.as_ref()),
        }
    }

    /// Computes the layout of a result with these payloads.
    pub(crate) fn result(&mut self, ok: Option<&Type>, error: Option<&Type>) -> Layout {
        let (size, align, mut parts) = self.payloads(1, [ok, error]);
        let error = parts.pop().flatten();
        let ok = parts.pop().flatten();
        Layout {
            size,
            align,
            kind: Kind::Result { ok, error },
        }
    }

    /// Computes size, alignment and parts of values that lie one after the other, as in a record.
    fn in_order<'a>(&mut self, types: impl Iterator<Item = &'a Type>) -> (usize, usize, Vec<Part>) {
        let (mut end, mut align) = (0_usize, 1);
        let parts = types
            .map(|ty| {
                let layout = self.of(ty);
                let offset = end.next_multiple_of(layout.align);
                end = offset + layout.size;
                align = align.max(layout.align);
                Part { offset, layout }
            })
            .collect();
        (end.next_multiple_of(align), align, parts)
    }

    /// Computes size, alignment and cases of an enum or a variant.
    fn cases_of(&mut self, cases: Vec<(CaseName, Option<&Type>)>) -> (usize, usize, Cases) {
        let discriminant_size = match cases.len() {
            0..=0x100 => 1,
            0x101..=0x1_0000 => 2,
            _ => 4,
        };
        let (size, align, parts) =
            self.payloads(discriminant_size, cases.iter().map(|(_, payload)| *payload));
        let names = cases.into_iter().map(|(name, _)| name);
        let cases = Cases {
            discriminant_size,
            cases: names.zip(parts).collect(),
        };
        (size, align, cases)
    }

    /// Computes size, alignment and payloads of values of which one follows a discriminant.
    fn payloads<'a>(
        &mut self,
        discriminant_size: usize,
        types: impl IntoIterator<Item = Option<&'a Type>>,
    ) -> (usize, usize, Vec<Option<Part>>) {
        let layouts: Vec<_> = types
            .into_iter()
            .map(|ty| ty.map(|ty| self.of(ty)))
            .collect();
        let payloads = || layouts.iter().flatten();
        let align = payloads().map(|layout| layout.align).max().unwrap_or(1);
        let largest = payloads().map(|layout| layout.size).max().unwrap_or(0);
        let offset = discriminant_size.next_multiple_of(align);
        let align = align.max(discriminant_size);
        let parts = layouts.into_iter().map(|layout| {
            Some(Part {
                offset,
                layout: layout?,
            })
        });
        (
            (offset + largest).next_multiple_of(align),
            align,
            parts.collect(),
        )
    }
}

impl CaseName {
    fn of(case: &Case) -> CaseName {
        CaseName {
            wit: case.name.clone(),
            json: format!("\"{}\"", case.json_name),
        }
    }
}

fn option(inner: Arc<Layout>, kind: fn(Part) -> Kind) -> Layout {
    let align = inner.align;
    Layout {
        size: align + inner.size.next_multiple_of(align),
        align,
        kind: kind(Part {
            // The discriminant is one byte. The payload follows at the next aligned offset.
            offset: align,
            layout: inner,
        }),
    }
}
