// SPDX-License-Identifier: MIT

//go:build kratos

package main

const runtimeName = "go-kratos"
const hasLimit = true
