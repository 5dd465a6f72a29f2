// SPDX-License-Identifier: MIT

//go:build errgroup

package main

const runtimeName = "go-errgroup"
const hasLimit = false
