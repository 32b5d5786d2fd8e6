use super::*;
use crate::grid::area::{GridRange, NamedRange};
use crate::grid::cell::Cell;

fn create(store: &SpreadsheetStore) {
    store.create("s", &SpreadsheetProperties::default(), &[SheetProperties::new(0, "Sheet1", 0)]).unwrap();
}

#[test]
fn what_is_not_committed_never_happened() {
    let store = SpreadsheetStore::in_memory().unwrap();
    create(&store);
    {
        let tx = store.write("s").unwrap();
        tx.put_row(0, 0, vec![Cell::text("gone")]).unwrap();
        tx.put_sheet(&SheetProperties::new(9, "Other", 1)).unwrap();
    }
    let tx = store.read("s").unwrap();
    assert_eq!(tx.rows(0, 0..10).unwrap(), []);
    assert_eq!(tx.sheets().unwrap(), [SheetProperties::new(0, "Sheet1", 0)]);
}

#[test]
fn two_stores_on_one_file_see_each_others_commits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.sheet");
    let (a, b) = (SpreadsheetStore::open(&path).unwrap(), SpreadsheetStore::open(&path).unwrap());
    create(&a);
    let view = b.read("s").unwrap();
    let tx = a.write("s").unwrap();
    tx.put_row(0, 0, vec![Cell::text("x")]).unwrap();
    tx.commit().unwrap();
    assert_eq!(view.row(0, 0).unwrap(), [], "a view does not change while it is looked at");
    drop(view);
    assert_eq!(b.read("s").unwrap().row(0, 0).unwrap(), [Cell::text("x")]);
}

#[test]
fn spreadsheets_of_one_file_do_not_meet() {
    let store = SpreadsheetStore::in_memory().unwrap();
    create(&store);
    store.create("t", &SpreadsheetProperties::default(), &[SheetProperties::new(0, "Sheet1", 0)]).unwrap();
    assert!(matches!(store.create("t", &SpreadsheetProperties::default(), &[]), Err(StorageError::IdTaken { .. })));
    let tx = store.write("t").unwrap();
    tx.put_row(0, 0, vec![Cell::text("x")]).unwrap();
    let head = NamedRange { id: "1".into(), name: "Head".into(), range: GridRange::default() };
    tx.add_named_range(&head).unwrap();
    assert_eq!(tx.named_range_by_name("HEAD").unwrap(), Some(head));
    tx.commit().unwrap();
    assert_eq!(store.read("s").unwrap().rows(0, 0..9).unwrap(), []);
    assert_eq!(store.read("s").unwrap().named_ranges().unwrap(), []);
    store.delete("t").unwrap();
    assert!(!store.exists("t").unwrap() && store.exists("s").unwrap());
}

#[test]
fn properties_of_a_sheet_and_of_its_spreadsheet_are_kept() {
    let store = SpreadsheetStore::in_memory().unwrap();
    create(&store);
    let tx = store.write("s").unwrap();
    let mut sheet = SheetProperties { is_hidden: true, frozen_rows: 1, ..SheetProperties::new(i32::MAX, "B", 1) };
    sheet.extra.insert("tabColor".into(), serde_json::json!({"red": 1}));
    tx.put_sheet(&sheet).unwrap();
    let mut properties = SpreadsheetProperties { title: "T".into(), ..SpreadsheetProperties::default() };
    properties.extra.insert("iterativeCalculationSettings".into(), serde_json::json!({}));
    tx.set_properties(&properties).unwrap();
    tx.put_object(None, "metadata", 3, &serde_json::json!({"key": "k"})).unwrap();
    tx.commit().unwrap();
    let tx = store.read("s").unwrap();
    assert_eq!(tx.sheet(i32::MAX).unwrap(), Some(sheet));
    assert_eq!(tx.properties().unwrap(), properties);
    assert_eq!(tx.objects(None, "metadata").unwrap().len(), 1);
    assert_eq!(tx.objects(Some(0), "metadata").unwrap().len(), 0);
}
