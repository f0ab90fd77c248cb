//! What a statement is: tokens, session effects, tables read and written.
