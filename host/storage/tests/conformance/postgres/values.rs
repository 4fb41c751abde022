//! PostgreSQL has more types than the logic's values.

use super::*;

#[tokio::test]
async fn numbers_of_every_type_become_integers_and_reals() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let mut reading = reader(&*fixture.database).await;
    let statement = "SELECT 1::smallint, 2::integer, 3::bigint, 0.5::real, 0.25::float8, 4::numeric, \
                     1.50, -2.0, sum(i), avg(i), true, count(*) \
                     FROM (VALUES (1::bigint), (2)) AS n (i)";
    let rows = query(&mut *reading, statement).await.unwrap();
    assert_eq!(
        rows.cells,
        [
            Cell::Integer(1),
            Cell::Integer(2),
            Cell::Integer(3),
            Cell::Real(0.5),
            Cell::Real(0.25),
            Cell::Integer(4),
            Cell::Real(1.5),
            Cell::Real(-2.0),
            Cell::Integer(3),
            Cell::Real(1.5),
            Cell::Boolean(true),
            Cell::Integer(2),
        ]
    );
}

#[tokio::test]
async fn a_result_of_another_type_must_be_cast() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    for (expression, kind) in [
        ("now()", "timestamptz"),
        ("ARRAY[1]", "int4[]"),
        ("'{}'::jsonb", "jsonb"),
    ] {
        let mut reading = reader(&*fixture.database).await;
        let refused = query(&mut *reading, &format!("SELECT {expression} AS x")).await;
        let detail = refused.unwrap_err().detail;
        assert!(
            detail.starts_with("column x is a ") && detail.contains("cast it"),
            "{kind}: {detail}"
        );
    }
    let mut reading = reader(&*fixture.database).await;
    let refused = query(&mut *reading, "SELECT 'NaN'::float8")
        .await
        .unwrap_err();
    assert_eq!(refused.detail, "a real in the result is NaN");
}

#[tokio::test]
async fn a_parameter_may_be_null_before_and_after_it_is_not() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let insert = "INSERT INTO notes (title, rank) VALUES ($1, $2) RETURNING rank";
    for (title, rank) in [
        ("a", Value::Null),
        ("b", Value::Integer(2)),
        ("c", Value::Null),
        ("d", Value::Integer(i64::MAX)),
    ] {
        let mut writing = writer(&*fixture.database).await;
        let rows = writing
            .query(insert, &[text(title), rank.clone()])
            .await
            .unwrap()
            .unwrap();
        let expected = match rank {
            Value::Integer(rank) => Cell::Integer(rank),
            _ => Cell::Null,
        };
        assert_eq!(rows.cells, [expected]);
        writing.commit().await.unwrap();
    }
    let mut reading = reader(&*fixture.database).await;
    // A parameter that the statement does not use may be of any type.
    let params = [Value::Null, Value::Integer(7), Value::Real(0.5)];
    let rows = reading.query("SELECT $2", &params).await.unwrap().unwrap();
    assert_eq!(rows.cells, [Cell::Integer(7)]);
}

#[tokio::test]
async fn prepared_statements_do_not_pile_up_in_the_server() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let mut reading = fixture
        .database
        .begin(
            Access::Read,
            Budget {
                statements: u32::MAX,
                ..generous()
            },
        )
        .await
        .unwrap();
    for number in 0..600 {
        assert_eq!(
            integer(&mut *reading, &format!("SELECT {number}")).await,
            number
        );
    }
    // Statements run whether they are still prepared or were removed.
    assert_eq!(integer(&mut *reading, "SELECT 599").await, 599);
    assert_eq!(integer(&mut *reading, "SELECT 0").await, 0);
}
