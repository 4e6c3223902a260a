//go:build tools

// Package actionlint pins the linter of workflow files, which the tests build.
package actionlint

import _ "github.com/rhysd/actionlint/cmd/actionlint"
