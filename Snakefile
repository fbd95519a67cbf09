"""Entry of a checkout: workflow/Snakefile with the config.yaml of the folder one works in."""

from pathlib import Path

CONFIGFILE = "config.yaml" if Path("config.yaml").is_file() else "config/config.yaml"


include: "workflow/Snakefile"


# Snakemake forgets the default target of an included file.
rule default:
    default_target: True
    input:
        rules.all.input,
