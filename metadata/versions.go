package metadata

import (
	"net/http"
	"slices"
)

// identityVersion is the first version with the identity category.
const identityVersion = "2018-02-01"

// versions are the api-versions of IMDS, oldest first.
// Source: Microsoft Learn, "Azure Instance Metadata Service", supported versions.
var versions = []string{
	"2017-03-01", "2017-04-02", "2017-08-01", "2017-10-01", "2017-12-01",
	"2018-02-01", "2018-04-02", "2018-10-01", "2019-02-01", "2019-03-11", "2019-04-30", "2019-06-01", "2019-06-04",
	"2019-08-01", "2019-08-15", "2019-11-01", "2020-06-01", "2020-07-15", "2020-09-01", "2020-10-01", "2020-12-01",
	"2021-01-01", "2021-02-01", "2021-03-01", "2021-05-01", "2021-08-01", "2021-10-01", "2021-11-01", "2021-11-15",
	"2021-12-13", "2023-07-01", "2023-11-15", "2024-03-15", "2024-07-17", "2025-04-07",
}

// since reports whether version is known, and not older than introduced. Versions are dates,
// so that their order is that of their text.
func since(version, introduced string) bool {
	return slices.Contains(versions, version) && version >= introduced
}

// newestVersions are the three that an error names, newest first.
func newestVersions() []string {
	newest := slices.Clone(versions[len(versions)-3:])
	slices.Reverse(newest)
	return newest
}

// badVersion is what every category answers without a version that it has.
func badVersion() *failure {
	return &failure{
		status: http.StatusBadRequest, reason: reasonVersion,
		text: "Bad request. api-version is invalid or was not specified in the request. For more information refer to aka.ms/azureimds",
	}
}
