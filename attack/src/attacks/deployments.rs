//! Against deployments: components that are costly to read, to bind or to compile. All are dry runs of
//! someone who has the operators' token.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::{Attack, Logic};
use crate::component::Component;
use crate::target::{RUNNING, Target};

pub fn attacks() -> Vec<Attack> {
    vec![
        Attack::new(
            "nested-types",
            "a dry run of 10 routes whose results are tuples of tuples, 16 deep",
            "the number of type nodes; types are read once and shared",
            Logic::Crafted(served),
            |target| dry_run(target, &nested_types()?),
        )
        .lasting(4),
        Attack::new(
            "many-routes",
            "a dry run of a component with 20,000 routes",
            "the number of routes",
            Logic::Crafted(served),
            |target| dry_run(target, &many_routes()?),
        )
        .lasting(4),
        Attack::new(
            "compile-bomb",
            "a dry run of a component of 700 KB whose jump tables take gigabytes to compile",
            "a separate process with a memory limit that fits the pod; it is killed before the host is",
            Logic::Crafted(served),
            |target| dry_run(target, &compile_bomb()?),
        )
        .lasting(4)
        .in_a_pod(),
    ]
}

/// The logic that is served meanwhile. It has no migrations that the others would lack.
fn served() -> Result<Vec<u8>> {
    Component::new().build()
}

/// Deploys a component only to try it, which must not take long. A refusal is what the operator expects.
fn dry_run(target: &Target, component: &[u8]) -> Result<String> {
    let began = Instant::now();
    let outcome = target.deploy(component, true)?;
    let took = began.elapsed().as_millis();
    let note = format!("{} KB: {outcome} after {took} ms", component.len() >> 10);
    ensure!(!note.contains(RUNNING), "{note}");
    Ok(note)
}

fn nested_types() -> Result<Vec<u8>> {
    let mut component = Component::new().text("    type level0 = tuple<u8, u8>;\n");
    for level in 1..16 {
        let below = level - 1;
        component = component.text(&format!(
            "    type level{level} = tuple<level{below}, level{below}>;\n"
        ));
    }
    let component = component
        .text("    nested: func(id: s64) -> result<level15, problem>;\n")
        .code("(func (export \"attack:api/api#nested\") (param i64) (result i32) (unreachable))\n");
    let routes = (0..10).map(|number| format!("GET /attack/{number}/{{id}}"));
    let component = routes.fold(component, |component, route| {
        component.route(&route, "nested", 200)
    });
    component.build()
}

fn many_routes() -> Result<Vec<u8>> {
    let routes = (0..20_000).map(|number| format!("GET /attack/{number}/{{id}}"));
    let component = routes.fold(Component::new(), |component, route| {
        component.route(&route, "light", 200)
    });
    component.build()
}

/// Jump tables of many entries that carry many values each.
fn compile_bomb() -> Result<Vec<u8>> {
    const ENTRIES: usize = 20_000;
    const VALUES: usize = 1000;
    const BLOCKS: usize = 4;
    const FUNCTIONS: usize = 8;
    let block = format!(
        "block (type $values) {} i32.const 0 br_table {} end {}\n",
        "i64.const 3 ".repeat(VALUES),
        "0 ".repeat(ENTRIES + 1),
        "drop ".repeat(VALUES),
    );
    Component::new()
        .code(&format!(
            "(type $values (func (result{})))\n{}",
            " i64".repeat(VALUES),
            format!("(func {})\n", block.repeat(BLOCKS)).repeat(FUNCTIONS)
        ))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_deployed_component_is_valid() {
        for build in [nested_types, many_routes, compile_bomb] {
            assert_eq!(build().unwrap()[..8], *b"\0asm\x0d\0\x01\0");
        }
    }
}
