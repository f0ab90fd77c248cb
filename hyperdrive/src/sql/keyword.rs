//! Words that the classifier looks for.

macro_rules! keywords {
    ($($name:ident = $text:literal),* $(,)?) => {
        /// A word of SQL; every other word is [`Keyword::Other`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Keyword {
            /// No word that is looked for.
            Other,
            $(#[doc = $text] $name,)*
        }

        fn find(lower: &str) -> Keyword {
            match lower {
                $($text => Keyword::$name,)*
                _ => Keyword::Other,
            }
        }

        /// Longer words are none of these.
        const LONGEST: usize = {
            let mut longest = 0;
            $(if $text.len() > longest { longest = $text.len(); })*
            longest
        };
    };
}

keywords! {
    Abort = "abort", All = "all", Alter = "alter", Analyze = "analyze", And = "and", Any = "any", As = "as",
    Array = "array", Autocommit = "autocommit", Backup = "backup", Begin = "begin", Between = "between", By = "by",
    Call = "call", Case = "case", Chain = "chain", Character = "character", Characteristics = "characteristics",
    Charset = "charset", Checkpoint = "checkpoint", Checksum = "checksum", Check = "check", Close = "close",
    Cluster = "cluster", Collate = "collate", Comment = "comment", Commit = "commit", Concurrent = "concurrent",
    Conflict = "conflict", Constraints = "constraints", Copy = "copy", Create = "create", Cross = "cross",
    Cycle = "cycle", Data = "data", Database = "database", Databases = "databases", Deallocate = "deallocate",
    Declare = "declare", Default = "default", Delayed = "delayed", Delete = "delete", Desc = "desc",
    Describe = "describe", Diagnostics = "diagnostics", Discard = "discard", Distinct = "distinct",
    Distinctrow = "distinctrow", Div = "div", Do = "do", Drop = "drop", Dual = "dual", Else = "else", End = "end",
    Errors = "errors", Event = "event", Except = "except", Execute = "execute", Exists = "exists",
    Explain = "explain", Export = "export", False = "false", Fetch = "fetch", Filter = "filter", Flush = "flush",
    For = "for", Force = "force", From = "from", Full = "full", Function = "function", Get = "get",
    Global = "global", Grant = "grant", Group = "group", Grouping = "grouping", Handler = "handler",
    Having = "having", Help = "help", HighPriority = "high_priority", Hold = "hold", If = "if", Ignore = "ignore",
    Ilike = "ilike", Immediate = "immediate", Import = "import", In = "in", Index = "index", Infile = "infile",
    Inner = "inner", Insert = "insert", Install = "install", Instance = "instance", Intersect = "intersect",
    Into = "into", Is = "is", Join = "join", Key = "key", Kill = "kill", Lateral = "lateral", Left = "left",
    Like = "like", Limit = "limit", Listen = "listen", Load = "load", Local = "local", Lock = "lock",
    LowPriority = "low_priority", Materialized = "materialized", Member = "member", Merge = "merge",
    Minus = "minus", Mode = "mode", Move = "move", Names = "names", Natural = "natural", Next = "next", No = "no",
    Nothing = "nothing", Not = "not", Notify = "notify", Null = "null", Nulls = "nulls", Of = "of", Off = "off",
    Offset = "offset", On = "on", Only = "only", Optimize = "optimize", Or = "or", Order = "order",
    Outer = "outer", Over = "over", Package = "package", Partition = "partition", Password = "password",
    Persist = "persist", PersistOnly = "persist_only", Plans = "plans", Prepare = "prepare",
    Prepared = "prepared", Previous = "previous", Procedure = "procedure", Purge = "purge", Query = "query",
    Quick = "quick", Read = "read", Reassign = "reassign", Recursive = "recursive", Refresh = "refresh",
    Regexp = "regexp", Reindex = "reindex", Release = "release", Rename = "rename", Repair = "repair",
    Replace = "replace", Reset = "reset", Resource = "resource", Returning = "returning", Revoke = "revoke",
    Right = "right", Rlike = "rlike", Role = "role", Rollback = "rollback", Row = "row", Rule = "rule",
    Savepoint = "savepoint", Schema = "schema", Search = "search", Security = "security", Select = "select",
    Sequences = "sequences", Session = "session", Set = "set", Sets = "sets", Share = "share", Show = "show",
    Similar = "similar", Slave = "slave", Soft = "soft", Some = "some", Sounds = "sounds",
    SqlCalcFoundRows = "sql_calc_found_rows", SqlNoCache = "sql_no_cache", Start = "start",
    Statement = "statement", Status = "status", StraightJoin = "straight_join",
    Table = "table", Tables = "tables", Tablesample = "tablesample", Temp = "temp", Temporary = "temporary",
    Then = "then", Time = "time", To = "to", Transaction = "transaction", Trigger = "trigger", True = "true",
    Truncate = "truncate", Union = "union", Uninstall = "uninstall", Unlisten = "unlisten", Unlock = "unlock",
    Unlogged = "unlogged", Update = "update", Use = "use", Using = "using", Vacuum = "vacuum", Value = "value",
    Values = "values", Warnings = "warnings", Where = "where", When = "when", Window = "window", With = "with",
    Within = "within", Work = "work", Xa = "xa", Xor = "xor", Zone = "zone", Authorization = "authorization",
    Against = "against", Profile = "profile", Profiles = "profiles", Count = "count",
    Hard = "hard", Connection = "connection", Option = "option",
    Variables = "variables", Definer = "definer", Aggregate = "aggregate", Outfile = "outfile", Dumpfile = "dumpfile",
    Signal = "signal", Resignal = "resignal", Escape = "escape", Interval = "interval", Binary = "binary",
    Consistent = "consistent", Write = "write", Isolation = "isolation",
}

/// The keyword that `word` is, in any case.
pub(super) fn keyword(word: &[u8]) -> Keyword {
    let mut lower = [0_u8; LONGEST];
    match lower.get_mut(..word.len()) {
        Some(lower) => {
            lower.copy_from_slice(word);
            lower.make_ascii_lowercase();
            std::str::from_utf8(lower).map_or(Keyword::Other, find)
        }
        None => Keyword::Other,
    }
}
