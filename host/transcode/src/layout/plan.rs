//! Where the parts of a type lie (the canonical ABI's `alignment`, `size` and field offsets).

use crate::types::{Case, Epoch, Type};

/// How a type lies in memory.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    pub(super) size: usize,
    pub(super) align: usize,
    pub(super) step: Step,
}

/// What to do with the bytes of a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
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
    /// The outer option; its payload is the inner one.
    Clearable(Part),
    List(Box<Layout>),
    /// A list of pairs: the pair's layout, and its second half.
    Map(Box<Layout>, Part),
    Tuple(Vec<Part>),
    Record(Vec<Member>),
    Enum(Choice),
    Variant(Choice),
    Flags(Vec<Name>),
    Result {
        ok: Option<Part>,
        error: Option<Part>,
    },
}

/// A value within another.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub(super) offset: usize,
    pub(super) layout: Box<Layout>,
}

/// A record's field.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    pub(super) name: String,
    /// As JSON writes it: quotes and colon included.
    pub(super) key: String,
    pub(super) part: Part,
}

/// A case, or one of several flags.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Name {
    pub(super) wit: String,
    /// As JSON writes it, quotes included.
    pub(super) json: String,
}

/// One of several cases.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    /// Of the number that says which.
    pub(super) size: usize,
    pub(super) cases: Vec<(Name, Option<Part>)>,
}

impl Layout {
    pub(crate) fn of(ty: &Type) -> Layout {
        let scalar = |size, step| Layout {
            size,
            align: size,
            step,
        };
        let words = |step| Layout {
            size: 8,
            align: 4,
            step,
        };
        match ty {
            Type::Bool => scalar(1, Step::Bool),
            Type::U8 => scalar(1, Step::U8),
            Type::U16 => scalar(2, Step::U16),
            Type::U32 => scalar(4, Step::U32),
            Type::U64 => scalar(8, Step::U64),
            Type::S8 => scalar(1, Step::S8),
            Type::S16 => scalar(2, Step::S16),
            Type::S32 => scalar(4, Step::S32),
            Type::S64 => scalar(8, Step::S64),
            Type::F32 => scalar(4, Step::F32),
            Type::F64 => scalar(8, Step::F64),
            Type::Char => scalar(4, Step::Char),
            Type::String => words(Step::String),
            Type::Bytes => words(Step::Bytes),
            Type::Datetime(epoch) => Layout {
                size: 16,
                align: 8,
                step: Step::Datetime(*epoch),
            },
            Type::Option(inner) => option(Layout::of(inner), Step::Option),
            Type::Clearable(inner) => {
                option(option(Layout::of(inner), Step::Option), Step::Clearable)
            }
            Type::List(item) => words(Step::List(Layout::of(item).into())),
            Type::Map(item) => {
                let pair = Layout::of(&Type::Tuple([Type::String, (**item).clone()].into()));
                let value = match &pair.step {
                    Step::Tuple(parts) => parts[1].clone(),
                    _ => unreachable!("a tuple's layout is one of a tuple"),
                };
                words(Step::Map(pair.into(), value))
            }
            Type::Tuple(types) => {
                let (size, align, parts) = in_order(types.iter());
                Layout {
                    size,
                    align,
                    step: Step::Tuple(parts),
                }
            }
            Type::Record(record) => {
                let (size, align, parts) = in_order(record.fields.iter().map(|field| &field.ty));
                let members = record.fields.iter().zip(parts);
                let member = |(field, part): (&crate::types::Field, _)| Member {
                    name: field.name.clone(),
                    key: field.key.clone(),
                    part,
                };
                Layout {
                    size,
                    align,
                    step: Step::Record(members.map(member).collect()),
                }
            }
            Type::Enum(names) => {
                let cases = names.cases.iter().map(|case| (Name::of(case), None));
                let (size, align, choice) = choice(cases.collect());
                Layout {
                    size,
                    align,
                    step: Step::Enum(choice),
                }
            }
            Type::Variant(variant) => {
                let cases = variant.cases.iter();
                let cases = cases.map(|case| (Name::of(case), case.payload.as_ref()));
                let (size, align, choice) = choice(cases.collect());
                Layout {
                    size,
                    align,
                    step: Step::Variant(choice),
                }
            }
            Type::Flags(names) => {
                let (size, align) = match names.cases.len() {
                    0..=8 => (1, 1),
                    9..=16 => (2, 2),
                    count => (count.div_ceil(32) * 4, 4),
                };
                let names = names.cases.iter().map(Name::of).collect();
                Layout {
                    size,
                    align,
                    step: Step::Flags(names),
                }
            }
            Type::Result(result) => Layout::result(result.ok.as_ref(), result.error.as_ref()),
        }
    }

    /// Of a result with these payloads.
    pub(crate) fn result(ok: Option<&Type>, error: Option<&Type>) -> Layout {
        let (size, align, mut parts) = payloads(1, [ok, error]);
        let error = parts.pop().flatten();
        let ok = parts.pop().flatten();
        Layout {
            size,
            align,
            step: Step::Result { ok, error },
        }
    }
}

impl Name {
    fn of(case: &Case) -> Name {
        Name {
            wit: case.name.clone(),
            json: format!("\"{}\"", case.json_name),
        }
    }
}

fn option(inner: Layout, step: fn(Part) -> Step) -> Layout {
    let align = inner.align;
    Layout {
        size: align + inner.size.next_multiple_of(align),
        align,
        step: step(Part {
            // Behind one byte, where the payload may lie next.
            offset: align,
            layout: inner.into(),
        }),
    }
}

/// Size, alignment and parts of values that lie one behind the other.
fn in_order<'a>(types: impl Iterator<Item = &'a Type>) -> (usize, usize, Vec<Part>) {
    let (mut end, mut align) = (0_usize, 1);
    let parts = types
        .map(|ty| {
            let layout = Layout::of(ty);
            let offset = end.next_multiple_of(layout.align);
            end = offset + layout.size;
            align = align.max(layout.align);
            Part {
                offset,
                layout: layout.into(),
            }
        })
        .collect();
    (end.next_multiple_of(align), align, parts)
}

fn choice(cases: Vec<(Name, Option<&Type>)>) -> (usize, usize, Choice) {
    let number = match cases.len() {
        0..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    };
    let (size, align, parts) = payloads(number, cases.iter().map(|(_, payload)| *payload));
    let names = cases.into_iter().map(|(name, _)| name);
    let choice = Choice {
        size: number,
        cases: names.zip(parts).collect(),
    };
    (size, align, choice)
}

/// Size, alignment and parts of payloads of which one lies behind a number of that size.
fn payloads<'a>(
    number: usize,
    types: impl IntoIterator<Item = Option<&'a Type>>,
) -> (usize, usize, Vec<Option<Part>>) {
    let layouts: Vec<_> = types.into_iter().map(|ty| ty.map(Layout::of)).collect();
    let payloads = || layouts.iter().flatten();
    let align = payloads().map(|layout| layout.align).max().unwrap_or(1);
    let largest = payloads().map(|layout| layout.size).max().unwrap_or(0);
    let offset = number.next_multiple_of(align);
    let align = align.max(number);
    let parts = layouts.into_iter().map(|layout| {
        Some(Part {
            offset,
            layout: layout?.into(),
        })
    });
    (
        (offset + largest).next_multiple_of(align),
        align,
        parts.collect(),
    )
}
