"""What a model reads: mutagenesis, attributions, dependency maps, attention and motifs.

One module per question, each with functions that take a `genojax.Model` and return numpy arrays;
`genojax interpret VERB` is the same from the command line. `outputs.select` says which number of
the model is explained.
"""
