//! What a request says, as values. Nothing here knows a database.

/// A column, optionally followed by steps into its JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Column name as given.
    pub name: String,
    /// `->` and `->>` steps.
    pub path: Vec<JsonStep>,
}

/// One `->` or `->>` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonStep {
    /// `->>`: the result is text.
    pub as_text: bool,
    /// Where it goes.
    pub key: JsonKey,
}

/// Target of a JSON step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonKey {
    /// Member of an object.
    Name(String),
    /// Element of an array, signed decimal digits.
    Index(String),
}

/// One element of `select`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelectItem {
    /// A column of the resource itself.
    Column(SelectColumn),
    /// Rows of a related resource.
    Relation(SelectRelation),
}

/// A selected column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectColumn {
    /// The column, `*` for all.
    pub field: Field,
    /// Cast before any aggregate.
    pub cast: Option<String>,
    /// Aggregate over it.
    pub aggregate: Option<Aggregate>,
    /// Cast of the aggregate's result.
    pub aggregate_cast: Option<String>,
    /// Name in the result.
    pub alias: Option<String>,
}

/// Aggregate functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// `sum()`
    Sum,
    /// `avg()`
    Avg,
    /// `count()`
    Count,
    /// `max()`
    Max,
    /// `min()`
    Min,
}

impl Aggregate {
    /// The function's name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Count => "count",
            Self::Max => "max",
            Self::Min => "min",
        }
    }
}

/// An embedded resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SelectRelation {
    /// Relation, foreign key or column that leads there.
    pub name: String,
    /// Name in the result.
    pub alias: Option<String>,
    /// Which of several relationships.
    pub hint: Option<String>,
    /// `!inner`: parents without a match are dropped.
    pub inner: bool,
    /// `...rel()`: its columns become the parent's.
    pub spread: bool,
    /// What is selected of it.
    pub items: Vec<SelectItem>,
}

/// A condition on one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// What is compared.
    pub field: Field,
    /// `not.`
    pub negated: bool,
    /// Operator and value.
    pub operation: Operation,
}

/// Operator and value of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Operators with exactly one value.
    Simple(SimpleOperator, String),
    /// Operators that `any` and `all` may modify.
    Quantified(QuantOperator, Option<Quantifier>, String),
    /// `in.(…)`
    In(Vec<String>),
    /// `is.…`
    Is(IsValue),
    /// `isdistinct.…`
    IsDistinct(String),
    /// Full-text search, with an optional configuration.
    FullText(FullTextOperator, Option<String>, String),
}

/// Operators with one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimpleOperator {
    /// `neq`
    NotEqual,
    /// `cs`
    Contains,
    /// `cd`
    Contained,
    /// `ov`
    Overlaps,
    /// `sl`
    StrictlyLeft,
    /// `sr`
    StrictlyRight,
    /// `nxr`
    NotExtendsRight,
    /// `nxl`
    NotExtendsLeft,
    /// `adj`
    Adjacent,
}

/// Operators that take `any` or `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuantOperator {
    /// `eq`
    Equal,
    /// `gte`
    GreaterOrEqual,
    /// `gt`
    Greater,
    /// `lte`
    LessOrEqual,
    /// `lt`
    Less,
    /// `like`
    Like,
    /// `ilike`
    ILike,
    /// `match`
    Match,
    /// `imatch`
    IMatch,
}

/// How an array of values is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantifier {
    /// One of them.
    Any,
    /// Each of them.
    All,
}

/// Values of `is`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsValue {
    /// `null`
    Null,
    /// `not_null`
    NotNull,
    /// `true`
    True,
    /// `false`
    False,
    /// `unknown`
    Unknown,
}

/// Full-text operators, by the function that reads the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FullTextOperator {
    /// `fts`
    Raw,
    /// `plfts`
    Plain,
    /// `phfts`
    Phrase,
    /// `wfts`
    WebSearch,
}

/// `and` and `or` over filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Logic {
    /// A condition.
    Filter(Filter),
    /// A group of them.
    Group {
        /// `not.`
        negated: bool,
        /// `and` or `or`.
        junction: Junction,
        /// Never empty.
        terms: Vec<Logic>,
    },
}

/// How terms are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Junction {
    /// All of them.
    And,
    /// One of them.
    Or,
}

/// One element of `order`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderTerm {
    /// Embedded resource that has the field.
    pub relation: Option<String>,
    /// What is ordered by.
    pub field: Field,
    /// `asc` or `desc`.
    pub direction: Option<Direction>,
    /// Where nulls go.
    pub nulls: Option<Nulls>,
}

/// Order direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// `asc`
    Ascending,
    /// `desc`
    Descending,
}

/// Place of nulls in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// `nullsfirst`
    First,
    /// `nullslast`
    Last,
}

/// Names of embedded resources from the top down.
pub type EmbedPath = Vec<String>;

/// A value and the embedded resource that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// Empty for the resource itself.
    pub path: EmbedPath,
    /// What is said of it.
    pub value: T,
}
