// SPDX-License-Identifier: MIT

//go:build errgroup_limit

package main

const runtimeName = "go-errgroup-limit"
const hasLimit = true
