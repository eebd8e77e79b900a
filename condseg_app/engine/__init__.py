"""Values in, values out: preprocess, predict, train, evaluate. The only part of the app that knows torch."""
