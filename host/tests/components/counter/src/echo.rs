//! Returns its arguments.

use crate::Component;
use crate::bindings::exports::toys::counters::echo::{
    Color, Datetime, Everything, Guest, Parameters, Shape,
};
use crate::bindings::task_host::platform::types::Problem;

impl Guest for Component {
    fn echo_everything(value: Everything) -> Result<Everything, Problem> {
        Ok(value)
    }

    fn echo_shape(shape: Shape) -> Result<Shape, Problem> {
        Ok(shape)
    }

    fn echo_matrix(matrix: Vec<Vec<i32>>) -> Result<Vec<Vec<i32>>, Problem> {
        Ok(matrix)
    }

    fn echo_map(counts: Vec<(String, u64)>) -> Result<Vec<(String, u64)>, Problem> {
        Ok(counts)
    }

    fn echo_bytes(bytes: Vec<u8>) -> Result<Vec<u8>, Problem> {
        Ok(bytes)
    }

    fn echo_parameters(
        word: String,
        number: i64,
        ratio: Option<f32>,
        flag: Option<bool>,
        letter: Option<char>,
        color: Option<Color>,
        colors: Vec<Color>,
        numbers: Option<Vec<u64>>,
        moment: Option<Datetime>,
    ) -> Result<Parameters, Problem> {
        Ok(Parameters {
            word,
            number,
            ratio,
            flag,
            letter,
            color,
            colors,
            numbers,
            moment,
        })
    }

    fn echo_problem(problem: Problem) -> Result<(), Problem> {
        Err(problem)
    }
}
