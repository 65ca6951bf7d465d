#!/usr/bin/env bash
# Builds the fuzz targets of Tests/fuzz into $OUT, as OSS-Fuzz asks for, with their dictionaries, their kept inputs and the libraries beside them.
# The compiler is Swift's own clang and not that of the image, because the sanitizer's run-time must be that of the library.
set -euo pipefail

unset CC CXX CFLAGS CXXFLAGS
Tests/fuzz/build
for target in journal json calls; do
  cp "build/fuzz/$target" "$OUT"
  # shellcheck disable=SC2016 # the loader replaces it
  patchelf --set-rpath '$ORIGIN' "$OUT/$target"
  zip -qjX "$OUT/${target}_seed_corpus.zip" Tests/fuzz/corpus-"$target"/*
  [ ! -e "Tests/fuzz/$target.dict" ] || cp "Tests/fuzz/$target.dict" "$OUT"
done
cp -L build/asan/liblily_session.so.0 "$OUT"
cp -L "$(ldd build/asan/liblily_session.so | awk '$1 ~ /^libjansson/ { print $3 }')" "$OUT/libjansson.so.4"
# shellcheck disable=SC2016 # the loader replaces it
patchelf --set-rpath '$ORIGIN' "$OUT/liblily_session.so.0"
