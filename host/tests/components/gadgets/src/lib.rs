//! A service for the host's tests, made from code by the SDK. It uses every kind of type, and some of its operations
//! fail in every way.

use task_host_sdk::prelude::*;

/// Things with parts.
#[service(name = "Gadgets", migrations = "migrations")]
mod gadgets {
    /// What a gadget is for.
    #[derive(Data)]
    pub enum Kind {
        /// For work.
        HandTool,
        Toy,
    }

    /// A stored gadget.
    #[derive(Data, Row)]
    pub struct Gadget {
        pub name: String,
        pub kind: Kind,
        /// In kilograms.
        pub weight: Option<f64>,
        pub made_at: Datetime,
        pub part_of: Option<String>,
    }

    /// A size in one of two ways.
    #[derive(Data)]
    pub enum Size {
        Round(f64),
        Angular(Sides),
        Unknown,
    }

    #[derive(Data)]
    pub struct Sides {
        pub length: u64,
        pub type_: (bool, char),
    }

    #[derive(Data)]
    pub struct Sample {
        pub sizes: Vec<Size>,
        #[check(max_items = 3, each(minimum = -7, exclusive_maximum = 2))]
        pub counts: Vec<(String, i32)>,
        pub bytes: Vec<u8>,
    }

    /// Where an order goes.
    #[derive(Data)]
    pub struct Address {
        #[check(format = "email")]
        pub email: String,
    }

    #[derive(Data)]
    pub struct Order {
        #[check(min_length = 2, max_length = 5)]
        pub title: String,
        #[check(minimum = 1, maximum = 10)]
        pub count: Option<i32>,
        pub to: Option<Address>,
        #[check(max_items = 2, unique_items = true, each(pattern = "^[a-z]+$"))]
        pub labels: Vec<String>,
    }

    const COLUMNS: &str = "name, kind, weight, made_at, part_of";

    /// Stores a gadget.
    #[put("/gadgets/{name}")]
    fn store(name: String, gadget: Gadget) -> Result<Gadget> {
        let Gadget {
            kind,
            weight,
            made_at,
            part_of,
            ..
        } = gadget;
        let stored = sql!(
            "insert into gadgets ({const COLUMNS}) values ({name}, {kind}, {weight}, {made_at}, {part_of})
             returning {const COLUMNS}"
        );
        let stored: Gadget = stored
            .one()
            .on_unique(409, "gadget-exists", "This gadget exists")
            .on_foreign_key(409, "no-whole", "The whole does not exist")
            .on_check(422, "too-old", "The gadget is too old")?;
        event!("gadget.stored", stored.name, kind = stored.kind);
        log!(Info, "stored a gadget", "gadget.kind" = stored.kind);
        Ok(stored)
    }

    /// Lists gadgets of a kind.
    #[get("/gadgets")]
    fn list(kind: Option<Kind>) -> Result<Vec<Gadget>> {
        match kind {
            Some(kind) => {
                sql!("select {const COLUMNS} from gadgets where kind = {kind} order by name").all()
            }
            None => sql!("select {const COLUMNS} from gadgets order by name").all(),
        }
    }

    /// Returns the sample as it is.
    #[post("/samples", status = 202)]
    fn echo(sample: Sample) -> Sample {
        sample
    }

    /// Orders gadgets in a shop, and returns the order.
    #[post("/shops/{shop}/orders")]
    fn place_order(
        #[check(pattern = "^[a-z-]+$", max_length = 8)] shop: String,
        order: Order,
    ) -> Result<Order> {
        // The host lets no other value through. A failed assertion is answered with 500.
        assert!(shop.len() <= 8 && (2..=5).contains(&order.title.chars().count()));
        Ok(order)
    }

    /// Counts the orders of a shop, which has none.
    #[get("/shops/{shop}/orders/{number}")]
    fn orders(
        #[check(pattern = "^[a-z-]+$", max_length = 8)] shop: String,
        #[check(minimum = 1)] number: u32,
        #[check(exclusive_maximum = 100)] above: Option<f64>,
        #[check(min_length = 3, message = "is too short to search for")] q: Option<String>,
    ) -> Result<u32> {
        assert!(shop.len() <= 8 && number > 0 && q.is_none_or(|q| q.len() >= 3));
        assert!(above.is_none_or(|above| above < 100.0));
        Ok(0)
    }

    /// Returns a new identifier and the time.
    #[get("/stamps")]
    fn stamp() -> (String, Datetime) {
        (uuid(), now())
    }

    #[post("/failures/statement")]
    fn failing_statement() -> Result<()> {
        sql!("insert into gadgets (name, kind, made_at) values ('secret', null, 1)").execute()?;
        Ok(())
    }

    #[get("/failures/row")]
    fn missing_row() -> Result<Gadget> {
        sql!("select {const COLUMNS} from gadgets where name = ''").one()
    }

    #[get("/failures/cell")]
    fn wrong_cell() -> Result<i64> {
        sql!("select 'text' as number").one()
    }

    #[get("/failures/panic")]
    fn panic() -> Result<()> {
        panic!("the gadget {} broke", 7);
    }

    #[check]
    fn self_test() -> Result<()> {
        list(None).map(drop)
    }

    #[health]
    fn figures() -> Result<Vec<(String, i64)>> {
        let total = sql!("select count(*) from gadgets").one()?;
        Ok(vec![("total_gadgets".to_owned(), total)])
    }
}

#[cfg(test)]
mod tests {
    use task_host_sdk::testing;

    use super::gadgets::*;
    use super::*;

    fn gadget(name: &str) -> Gadget {
        Gadget {
            name: name.to_owned(),
            kind: Kind::HandTool,
            weight: Some(2.0),
            made_at: now(),
            part_of: None,
        }
    }

    fn status(error: &Error) -> Option<u16> {
        error.problem().map(|problem| problem.status)
    }

    #[task_host_sdk::test]
    fn values_come_back_as_they_were_stored() {
        testing::set_now(Datetime {
            seconds: 1,
            nanoseconds: 2_000,
        });
        let stored = store("a".to_owned(), gadget("a")).unwrap();
        assert_eq!(stored, gadget("a"));
        assert_eq!(list(Some(Kind::HandTool)).unwrap(), [stored]);
        assert_eq!(list(Some(Kind::Toy)).unwrap(), []);
        assert_eq!(
            testing::events()[0].attributes,
            [("kind".to_owned(), "hand-tool".to_owned())]
        );
        assert_eq!(
            testing::log_lines(),
            ["info stored a gadget gadget.kind=\"hand-tool\""]
        );
    }

    #[test]
    fn checks_are_constraints_of_the_description() {
        let constraints = __describe().constraints;
        let [list, items, ..] = constraints.as_slice() else {
            panic!("{constraints:?}");
        };
        let place = "gadgets:api/gadgets#sample.counts";
        assert_eq!((list.place.as_str(), list.max_items), (place, Some(3)));
        assert_eq!(items.place, format!("{place}[]"));
        assert_eq!(
            (items.minimum, items.exclusive_maximum),
            (Some(-7.0), Some(2.0))
        );
    }

    #[task_host_sdk::test]
    fn each_broken_rule_has_its_problem() {
        store("a".to_owned(), gadget("a")).unwrap();
        let again = store("a".to_owned(), gadget("a")).unwrap_err();
        assert_eq!(again.problem().unwrap().code, "gadget-exists");
        let part = Gadget {
            part_of: Some("none".to_owned()),
            ..gadget("b")
        };
        assert_eq!(
            store("b".to_owned(), part)
                .unwrap_err()
                .problem()
                .unwrap()
                .code,
            "no-whole"
        );
        let old = Gadget {
            made_at: Datetime {
                seconds: 0,
                nanoseconds: 0,
            },
            ..gadget("b")
        };
        assert_eq!(status(&store("b".to_owned(), old).unwrap_err()), Some(422));
    }

    #[task_host_sdk::test]
    fn a_defect_is_logged_and_not_shown() {
        let error = failing_statement().unwrap_err();
        assert_eq!(status(&error), None);
        let problem = Problem::from(error);
        assert_eq!(
            problem,
            Problem::new(500, "service-failed", "The service failed")
        );
        let line = &testing::log_lines()[0];
        assert!(
            line.contains("NOT NULL constraint failed: gadgets.kind"),
            "{line}"
        );
        assert!(line.contains("insert into gadgets"), "{line}");
    }

    #[task_host_sdk::test]
    fn a_cell_that_does_not_fit_is_named() {
        let error = wrong_cell().unwrap_err().to_string();
        assert!(
            error.starts_with("column 1: the column is not an integer"),
            "{error}"
        );
    }

    #[task_host_sdk::test]
    #[should_panic = "the struct has the fields"]
    fn columns_in_another_order_are_found() {
        #[derive(Debug, Row)]
        struct Swapped {
            kind: String,
            name: String,
        }
        let found: Vec<Swapped> = sql!("select name, kind from gadgets").all().unwrap();
        assert!(found.iter().all(|row| row.kind != row.name));
    }
}
