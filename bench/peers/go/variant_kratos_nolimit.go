// SPDX-License-Identifier: MIT

//go:build kratos_nolimit

package main

const runtimeName = "go-kratos-nolimit"
const hasLimit = false
