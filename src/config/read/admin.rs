//! `admin`.

use super::super::keys::ADMIN;
use super::super::model::{ADMIN_TOKEN_BYTES_MIN, Admin, Listen};
use super::super::reader::{Field, Map};
use super::super::value::socket;
use super::files;
use super::listen::overlap;

/// The admin listener; `off` is none.
pub(super) fn admin(root: &Map<'_>, listen: &[Listen]) -> Admin {
    let field = root.field("admin");
    if field.as_ref().is_some_and(Field::is_off) {
        return Admin {
            address: None,
            token_file: None,
        };
    }
    let map = match &field {
        Some(field) => field.map(&ADMIN),
        None => root.absent("admin", &ADMIN),
    };
    let address = map.parsed("address", socket);
    let token_file = map.path("token_file").map(|(path, field)| {
        let token = files::secret(&path, &field);
        if token.is_some_and(|token| token.trim().len() < ADMIN_TOKEN_BYTES_MIN) {
            let problem = format!(
                "the token in {} is shorter than {ADMIN_TOKEN_BYTES_MIN} bytes",
                path.display()
            );
            field.error(problem, "write a longer one: `openssl rand -hex 16`");
        }
        path
    });
    if let Some(address) = address {
        check_address(&map, address, token_file.is_some(), listen);
    }
    Admin { address, token_file }
}

fn check_address(map: &Map<'_>, address: std::net::SocketAddr, token: bool, listen: &[Listen]) {
    let (at, path) = match map.field("address") {
        Some(field) => (field.at, field.path),
        None => (map.at, map.path.clone()),
    };
    if !address.ip().to_canonical().is_loopback() && !token && map.field("token_file").is_none() {
        map.reader().error(
            at,
            &path,
            format!("`{address}` is not loopback: anybody who reaches it could purge"),
            "add `token_file`, or use `127.0.0.1`",
        );
    }
    if let Some(other) = listen.iter().find(|other| overlap(other.address, address)) {
        let problem = format!("`{address}` is taken by the listener on `{}`", other.address);
        map.reader().error(
            at,
            &path,
            problem,
            "give the admin listener another port, or write `admin: off`",
        );
    }
}
