// Google's own Go client, unchanged, against the emulator: it takes the address as an option.
//
// EMULATOR_URL and EMULATOR_KEY say where the emulator is. Debian's golang-google-api-dev has the
// client; .ci/client-suites runs this with `go test`.
package sheets_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2/google"
	"google.golang.org/api/drive/v3"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/api/sheets/v4"
)

func service(t *testing.T) *sheets.Service {
	t.Helper()
	service, err := sheets.NewService(context.Background(),
		option.WithEndpoint(os.Getenv("EMULATOR_URL")),
		option.WithCredentialsFile(os.Getenv("EMULATOR_KEY")),
		option.WithScopes(sheets.SpreadsheetsScope))
	if err != nil {
		t.Fatal(err)
	}
	return service
}

// book makes a spreadsheet of its own for a test.
func book(t *testing.T, service *sheets.Service) *sheets.Spreadsheet {
	t.Helper()
	book, err := service.Spreadsheets.Create(&sheets.Spreadsheet{
		Properties: &sheets.SpreadsheetProperties{Title: t.Name(), Locale: "en_US", TimeZone: "Europe/Berlin"},
		Sheets:     []*sheets.Sheet{{Properties: &sheets.SheetProperties{Title: "Data"}}},
	}).Do()
	if err != nil {
		t.Fatal(err)
	}
	return book
}

func rows(values ...[]interface{}) *sheets.ValueRange { return &sheets.ValueRange{Values: values} }

func row(cells ...interface{}) []interface{} { return cells }

func want(t *testing.T, what string, got, expected interface{}) {
	t.Helper()
	if !reflect.DeepEqual(got, expected) {
		t.Errorf("%s: got %#v, want %#v", what, got, expected)
	}
}

// code returns the status and the message of an error of the service.
func code(t *testing.T, err error) (int, string) {
	t.Helper()
	var failed *googleapi.Error
	if !errors.As(err, &failed) {
		t.Fatalf("no error of the service: %v", err)
	}
	return failed.Code, failed.Message
}

func TestValuesAreWrittenAndRead(t *testing.T) {
	service := service(t)
	id := book(t, service).SpreadsheetId
	updated, err := service.Spreadsheets.Values.Update(id, "Data!A1",
		rows(row("id", "amount", "paid"), row("0042", 3.5, true))).ValueInputOption("RAW").Do()
	if err != nil {
		t.Fatal(err)
	}
	want(t, "the range that was updated", updated.UpdatedRange, "Data!A1:C2")
	want(t, "cells", updated.UpdatedCells, int64(6))
	read, err := service.Spreadsheets.Values.Get(id, "Data!A1:C9").ValueRenderOption("UNFORMATTED_VALUE").Do()
	if err != nil {
		t.Fatal(err)
	}
	want(t, "values", read.Values, [][]interface{}{{"id", "amount", "paid"}, {"0042", 3.5, true}})
	want(t, "status of the response", read.HTTPStatusCode, http.StatusOK)
	many, err := service.Spreadsheets.Values.BatchGet(id).Ranges("Data!A1:A2", "Data!C2").Do()
	if err != nil {
		t.Fatal(err)
	}
	want(t, "two ranges", many.ValueRanges[1].Values, [][]interface{}{{"TRUE"}})
}

func TestRowsAreAppended(t *testing.T) {
	service := service(t)
	id := book(t, service).SpreadsheetId
	for n, expected := range []string{"Data!A1:B1", "Data!A2:B3"} {
		appended := rows(row("a", n))
		if n == 1 {
			appended = rows(row("b", n), row("c", n))
		}
		response, err := service.Spreadsheets.Values.Append(id, "Data!A1", appended).
			ValueInputOption("USER_ENTERED").InsertDataOption("INSERT_ROWS").IncludeValuesInResponse(true).Do()
		if err != nil {
			t.Fatal(err)
		}
		want(t, "the range that was appended", response.Updates.UpdatedRange, expected)
		want(t, "rows in the response", len(response.Updates.UpdatedData.Values), n+1)
	}
	// A pointer to nil in Go is null: a cell that is left alone.
	response, err := service.Spreadsheets.Values.Append(id, "Data!A1", rows(row(nil, "d", nil))).ValueInputOption("RAW").Do()
	if err != nil {
		t.Fatal(err)
	}
	want(t, "a row that ends in null", response.Updates.UpdatedRange, "Data!A4:B4")
}

func TestABatchHasManyRequestsAndReplies(t *testing.T) {
	service := service(t)
	made := book(t, service)
	id, tab := made.SpreadsheetId, made.Sheets[0].Properties.SheetId
	text := "bold"
	response, err := service.Spreadsheets.BatchUpdate(id, &sheets.BatchUpdateSpreadsheetRequest{
		IncludeSpreadsheetInResponse: true,
		Requests: []*sheets.Request{
			{AddSheet: &sheets.AddSheetRequest{Properties: &sheets.SheetProperties{Title: "Second", Index: 1}}},
			{UpdateCells: &sheets.UpdateCellsRequest{
				Start:  &sheets.GridCoordinate{SheetId: tab, ForceSendFields: []string{"SheetId", "RowIndex"}},
				Fields: "userEnteredValue,userEnteredFormat.textFormat.bold",
				Rows: []*sheets.RowData{{Values: []*sheets.CellData{{
					UserEnteredValue:  &sheets.ExtendedValue{StringValue: &text},
					UserEnteredFormat: &sheets.CellFormat{TextFormat: &sheets.TextFormat{Bold: true}},
				}}}},
			}},
			{FindReplace: &sheets.FindReplaceRequest{Find: "bold", Replacement: "strong", AllSheets: true}},
			{UpdateSheetProperties: &sheets.UpdateSheetPropertiesRequest{
				Fields: "gridProperties.frozenRowCount",
				Properties: &sheets.SheetProperties{SheetId: tab,
					GridProperties: &sheets.GridProperties{FrozenRowCount: 1}, ForceSendFields: []string{"SheetId"}},
			}},
		},
	}).Do()
	if err != nil {
		t.Fatal(err)
	}
	want(t, "replies", len(response.Replies), 4)
	want(t, "the new sheet", response.Replies[0].AddSheet.Properties.Title, "Second")
	want(t, "occurrences", response.Replies[2].FindReplace.OccurrencesChanged, int64(1))
	want(t, "the spreadsheet in the response", len(response.UpdatedSpreadsheet.Sheets), 2)
	read, err := service.Spreadsheets.Get(id).Ranges("Data!A1").IncludeGridData(true).
		Fields("sheets(properties,data.rowData.values(userEnteredValue,userEnteredFormat))").Do()
	if err != nil {
		t.Fatal(err)
	}
	sheet := read.Sheets[0]
	cell := sheet.Data[0].RowData[0].Values[0]
	want(t, "the frozen row", sheet.Properties.GridProperties.FrozenRowCount, int64(1))
	want(t, "the text", *cell.UserEnteredValue.StringValue, "strong")
	want(t, "its format", cell.UserEnteredFormat.TextFormat.Bold, true)
}

func TestARepeatedFieldTakesALoneElement(t *testing.T) {
	service := service(t)
	id := book(t, service).SpreadsheetId
	// The Go client always writes lists; its HTTP client sends what others write.
	client := authorized(t)
	body := `{"valueInputOption": "RAW", "data": {"range": "Data!A1", "values": [["alone"]]}}`
	response, err := client.Post(os.Getenv("EMULATOR_URL")+"/v4/spreadsheets/"+id+"/values:batchUpdate", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	want(t, "status", response.StatusCode, http.StatusOK)
	read, err := service.Spreadsheets.Values.Get(id, "Data!A1").Do()
	if err != nil {
		t.Fatal(err)
	}
	want(t, "the value", read.Values, [][]interface{}{{"alone"}})
}

func TestErrorsHaveCodeAndMessage(t *testing.T) {
	service := service(t)
	id := book(t, service).SpreadsheetId
	_, err := service.Spreadsheets.Get("no-such-spreadsheet").Do()
	status, message := code(t, err)
	want(t, "a spreadsheet that is not there", status, http.StatusNotFound)
	want(t, "its message", message, "Requested entity was not found.")
	_, err = service.Spreadsheets.Values.Get(id, "Nowhere!A1").Do()
	status, message = code(t, err)
	want(t, "a sheet that is not there", status, http.StatusBadRequest)
	want(t, "its message", message, "Unable to parse range: Nowhere!A1")
	_, err = service.Spreadsheets.BatchUpdate(id, &sheets.BatchUpdateSpreadsheetRequest{
		Requests: []*sheets.Request{{DeleteSheet: &sheets.DeleteSheetRequest{SheetId: 987}}},
	}).Do()
	status, message = code(t, err)
	want(t, "a refused request", status, http.StatusBadRequest)
	want(t, "its message", strings.HasPrefix(message, "Invalid requests[0].deleteSheet: "), true)
	nobody, err := http.Get(os.Getenv("EMULATOR_URL") + "/v4/spreadsheets/" + id)
	if err != nil {
		t.Fatal(err)
	}
	nobody.Body.Close()
	want(t, "a caller without a token", nobody.StatusCode, http.StatusUnauthorized)
}

func TestAThrottledCallIsTriedAgain(t *testing.T) {
	service := service(t)
	id := book(t, service).SpreadsheetId
	fault(t, `[{"on": "writes", "do": "fail", "status": 429, "times": 2}]`)
	write := func() error {
		_, err := service.Spreadsheets.Values.Update(id, "Data!A1", rows(row("late"))).ValueInputOption("RAW").Do()
		return err
	}
	status, _ := code(t, write())
	want(t, "the first attempt", status, http.StatusTooManyRequests)
	err, attempts := write(), 2
	for ; err != nil && attempts < 5; attempts++ {
		var failed *googleapi.Error
		if !errors.As(err, &failed) || failed.Code != http.StatusTooManyRequests {
			t.Fatal(err)
		}
		want(t, "the status in words", strings.Contains(failed.Body, "RESOURCE_EXHAUSTED"), true)
		time.Sleep(10 * time.Millisecond)
		err = write()
	}
	if err != nil {
		t.Fatal(err)
	}
	want(t, "attempts", attempts, 3)
	read, err := service.Spreadsheets.Values.Get(id, "Data!A1").Do()
	if err != nil {
		t.Fatal(err)
	}
	want(t, "the value", read.Values, [][]interface{}{{"late"}})
}

func TestDriveFindsAndDeletesTheSpreadsheet(t *testing.T) {
	service := service(t)
	id := book(t, service).SpreadsheetId
	files, err := drive.NewService(context.Background(),
		option.WithEndpoint(os.Getenv("EMULATOR_URL")+"/drive/v3/"),
		option.WithCredentialsFile(os.Getenv("EMULATOR_KEY")), option.WithScopes(drive.DriveScope))
	if err != nil {
		t.Fatal(err)
	}
	found, err := files.Files.List().Q("name = '" + t.Name() + "' and trashed = false").Fields("files(id, name)").Do()
	if err != nil {
		t.Fatal(err)
	}
	want(t, "files of this name", len(found.Files), 1)
	want(t, "the file", found.Files[0].Id, id)
	if err := files.Files.Delete(id).Do(); err != nil {
		t.Fatal(err)
	}
	_, err = service.Spreadsheets.Get(id).Do()
	status, _ := code(t, err)
	want(t, "a deleted spreadsheet", status, http.StatusNotFound)
}

// authorized returns an HTTP client with a token of the emulator's key.
func authorized(t *testing.T) *http.Client {
	t.Helper()
	text, err := os.ReadFile(os.Getenv("EMULATOR_KEY"))
	if err != nil {
		t.Fatal(err)
	}
	config, err := google.JWTConfigFromJSON(text, sheets.SpreadsheetsScope)
	if err != nil {
		t.Fatal(err)
	}
	return config.Client(context.Background())
}

// fault asks the emulator for these faults.
func fault(t *testing.T, faults string) {
	t.Helper()
	if !json.Valid([]byte(faults)) {
		t.Fatal("the test's faults are no JSON")
	}
	response, err := http.Post(os.Getenv("EMULATOR_URL")+"/_emulator/faults", "application/json", strings.NewReader(faults))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	want(t, "faults are taken", response.StatusCode, http.StatusOK)
}
