//! `databases.<name>.users`.

use std::collections::HashSet;

use popgate_hyperdrive::config::User;

use super::super::super::keys::DATABASE_USER;
use super::super::super::reader::{Field, Map};
use super::super::super::value::{Wrong, quoted};
use super::super::files;

/// Longest name: MariaDB takes 128 bytes, PostgreSQL 63.
const NAME_MAX: usize = 128;

/// Who may log in: at least one, each with a password.
pub(super) fn users(map: &Map<'_>) -> Vec<User> {
    let mut names = HashSet::new();
    let mut users = Vec::new();
    for item in map.list_of_some(
        "users",
        "write `users: [{ name: wp, password_file: secrets/wp }]`",
    ) {
        let user = item.map(&DATABASE_USER);
        let (name, origin_user) = (user.parsed("name", name), user.parsed("origin_user", name));
        let (Some(password), Some(name)) = (password(&user), name) else {
            continue;
        };
        if !names.insert(name.clone()) {
            item.error(
                format!("user {} is here twice", quoted(&name)),
                "keep one of them",
            );
        }
        users.push(User {
            origin_user: origin_user.unwrap_or_else(|| name.clone()),
            name,
            password,
        });
    }
    users
}

fn name(text: &str) -> Result<String, Wrong> {
    match text.len() <= NAME_MAX && !text.contains('\0') {
        true => Ok(text.to_owned()),
        false => Err(Wrong::new(
            format!("{} is no good name for a user", quoted(text)),
            format!("write at most {NAME_MAX} bytes"),
        )),
    }
}

/// The password, from exactly one of three places.
fn password(user: &Map<'_>) -> Option<String> {
    let given: Vec<Field<'_>> = ["password", "password_file", "password_env"]
        .iter()
        .filter_map(|key| user.field(key))
        .collect();
    match given.as_slice() {
        [] => {
            let mend = "write `password_file: FILE`, `password_env: NAME` or `password: TEXT`";
            user.require("password", mend);
        }
        [_] => {}
        [.., last] => last.error("there is another password", "keep one of them"),
    }
    let file = user
        .path("password_file")
        .and_then(|(path, field)| files::secret(&path, &field));
    let variable = user.field("password_env").and_then(|field| from_env(&field));
    user.text("password").or(file).or(variable)
}

fn from_env(field: &Field<'_>) -> Option<String> {
    let name = field.text()?;
    let env = field.reader().env();
    if let Some(value) = env.variable(name) {
        return Some(value.to_owned());
    }
    let problem = format!("the environment variable {} is not set", quoted(name));
    if env.elsewhere {
        field.warn(format!("{problem} here"), "see that popgate's process has it");
        return Some(String::new());
    }
    field.error(problem, "set it for popgate's process, or use `password_file`");
    None
}
