//! Drive's permissions of a spreadsheet.
//!
//! In scope: `permissions.create`, `list`, `get`, `update` and `delete`, which store and return
//! permissions. The owner's permission always exists.
//! Out of scope: access control (any valid token may use any spreadsheet), mail.

use serde_json::{Map, Value, json};

use crate::auth::test_credentials::TEST_ACCOUNT;
use crate::error::ApiError;
use crate::schema::enums::TextParams;
use crate::storage::store::SpreadsheetStore;

/// Kind of stored permissions. The number is the permission's id.
const KIND: &str = "permission";

/// Members of a permission in a response without `fields`.
pub(crate) const DEFAULT_FIELDS: &str = "kind,id,type,role";

/// Members of a list of permissions in a response without `fields`.
pub(crate) const DEFAULT_LIST_FIELDS: &str = "kind,permissions(kind,id,type,role)";

/// The id of the owner's permission.
const OWNERS: i64 = 1;

const TYPES: [&str; 4] = ["user", "group", "domain", "anyone"];
const ROLES: [&str; 6] = ["owner", "organizer", "fileOrganizer", "writer", "commenter", "reader"];

/// Answers `permissions.create`. A known grantee gets the new role.
pub(crate) fn share(
    store: &SpreadsheetStore,
    file: &str,
    body: &Map<String, Value>,
    id: u64,
) -> Result<Value, ApiError> {
    let kind = read_known_word(body, "type", &TYPES)?;
    let role = read_known_word(body, "role", &ROLES)?;
    let grantee = match kind {
        "user" | "group" => Some("emailAddress"),
        "domain" => Some("domain"),
        _ => None,
    };
    let mut permission = json!({"kind": "drive#permission", "type": kind, "role": role});
    if let Some(name) = grantee {
        let who = body.word(name).filter(|who| !who.is_empty());
        let missing = || ApiError::invalid_argument(format!("The permission {name} field is required."));
        permission[name] = who.ok_or_else(missing)?.into();
    }
    let known = read_all(store, file)?.into_iter().find(|(_, there)| {
        ["type", "emailAddress", "domain"].iter().all(|name| there.get(*name) == permission.get(*name))
    });
    // Permission ids are texts of digits.
    let id = known.map_or((id >> 2).cast_signed() | 2, |(id, _)| id);
    permission["id"] = id.to_string().into();
    let tx = store.write(file)?;
    tx.put_object(None, KIND, id, &permission)?;
    tx.commit()?;
    Ok(permission)
}

/// Answers `permissions.list` with all permissions of a file, in one page.
pub(crate) fn list(store: &SpreadsheetStore, file: &str) -> Result<Value, ApiError> {
    let permissions: Vec<Value> = read_all(store, file)?.into_iter().map(|(_, permission)| permission).collect();
    Ok(json!({"kind": "drive#permissionList", "permissions": permissions}))
}

/// Answers `permissions.get` with one permission of a file; an unknown id is a 404.
pub(crate) fn get(store: &SpreadsheetStore, file: &str, id: &str) -> Result<Value, ApiError> {
    find(store, file, id).map(|(_, permission)| permission)
}

/// Answers `permissions.update` with a new role.
pub(crate) fn update(
    store: &SpreadsheetStore,
    file: &str,
    id: &str,
    body: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let (number, mut permission) = find(store, file, id)?;
    permission["role"] = read_known_word(body, "role", &ROLES)?.into();
    let tx = store.write(file)?;
    tx.put_object(None, KIND, number, &permission)?;
    tx.commit()?;
    Ok(permission)
}

/// Answers `permissions.delete`. The owner's permission cannot be deleted.
pub(crate) fn unshare(store: &SpreadsheetStore, file: &str, id: &str) -> Result<(), ApiError> {
    let (number, _) = find(store, file, id)?;
    if number == OWNERS {
        return Err(ApiError::forbidden("The owner of a file cannot be removed."));
    }
    let tx = store.write(file)?;
    tx.remove_object(None, KIND, number)?;
    Ok(tx.commit()?)
}

/// Returns whether everybody may read a spreadsheet.
pub(crate) fn is_public(store: &SpreadsheetStore, file: &str) -> Result<bool, ApiError> {
    store.read(file)?.properties()?;
    Ok(read_all(store, file)?.iter().any(|(_, permission)| permission["type"] == "anyone"))
}

fn read_all(store: &SpreadsheetStore, file: &str) -> Result<Vec<(i64, Value)>, ApiError> {
    let objects = store.read(file)?.objects(None, KIND)?;
    let owner = json!({"kind": "drive#permission", "id": OWNERS.to_string(), "type": "user", "role": "owner",
                       "emailAddress": TEST_ACCOUNT});
    Ok([(OWNERS, owner)]
        .into_iter()
        .filter(|_| objects.iter().all(|(id, _)| *id != OWNERS))
        .chain(objects.clone())
        .collect())
}

fn find(store: &SpreadsheetStore, file: &str, id: &str) -> Result<(i64, Value), ApiError> {
    let found = read_all(store, file)?.into_iter().find(|(_, permission)| permission["id"] == id);
    found.ok_or_else(|| ApiError::not_found_with(format!("Permission not found: {id}.")))
}

fn read_known_word<'a>(body: &'a Map<String, Value>, name: &str, known: &[&str]) -> Result<&'a str, ApiError> {
    let word = body.word(name).filter(|word| known.contains(word));
    word.ok_or_else(|| {
        ApiError::invalid_argument(format!("The permission {name} field is required: one of {}.", known.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::transaction::SpreadsheetProperties;

    #[test]
    fn a_spreadsheet_is_shared_with_each_once_and_its_owner_stays() {
        let store = SpreadsheetStore::in_memory().unwrap();
        store.create("s", &SpreadsheetProperties::default(), &[]).unwrap();
        let got = |role: &str| json!({"type": "user", "role": role, "emailAddress": "otto@example.com"});
        let made = share(&store, "s", got("reader").as_object().unwrap(), 4_000).unwrap();
        let again = share(&store, "s", got("writer").as_object().unwrap(), 9_000).unwrap();
        assert_eq!((&made["id"], &again["role"]), (&again["id"], &json!("writer")));
        let roles = |store: &SpreadsheetStore| {
            let all = list(store, "s").unwrap()["permissions"].as_array().cloned().unwrap();
            all.iter().map(|each| each["role"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(roles(&store), ["owner", "writer"]);
        assert_eq!(unshare(&store, "s", "1").unwrap_err().code, 403);
        unshare(&store, "s", again["id"].as_str().unwrap()).unwrap();
        assert_eq!(roles(&store), ["owner"]);
        assert_eq!(unshare(&store, "s", "77").unwrap_err().code, 404);
        assert!(!is_public(&store, "s").unwrap());
        share(&store, "s", json!({"type": "anyone", "role": "reader"}).as_object().unwrap(), 80).unwrap();
        assert!(is_public(&store, "s").unwrap());
        assert_eq!(share(&store, "s", &Map::new(), 1).unwrap_err().code, 400);
        assert_eq!(share(&store, "nowhere", got("reader").as_object().unwrap(), 1).unwrap_err().code, 404);
    }
}
