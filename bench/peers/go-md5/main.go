// SPDX-License-Identifier: MIT

// go-md5 prints the MD5 digests of all regular files of a tree, JOBS at a time, the way a Go program does it
// with x/sync's errgroup: `go-md5 JOBS DIR`.
package main

import (
	"bufio"
	"crypto/md5"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"
)

func digest(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	hash := md5.New()
	if _, err := io.Copy(hash, file); err != nil {
		return nil, err
	}
	return hash.Sum(nil), nil
}

func run(jobs int, tree string) error {
	var g errgroup.Group
	var mutex sync.Mutex
	output := bufio.NewWriter(os.Stdout)

	g.SetLimit(jobs)
	err := filepath.WalkDir(tree, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		g.Go(func() error {
			sum, err := digest(path)
			if err != nil {
				return err
			}
			mutex.Lock()
			defer mutex.Unlock()
			_, err = fmt.Fprintf(output, "%x  %s\n", sum, path)
			return err
		})
		return nil
	})
	if failed := g.Wait(); err == nil {
		err = failed
	}
	if failed := output.Flush(); err == nil {
		err = failed
	}
	return err
}

func main() {
	jobs := 0
	if len(os.Args) == 3 {
		jobs, _ = strconv.Atoi(os.Args[1])
	}
	if jobs <= 0 {
		fmt.Fprintln(os.Stderr, "usage: go-md5 JOBS DIR")
		os.Exit(2)
	}
	runtime.GOMAXPROCS(jobs)
	if err := run(jobs, os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
