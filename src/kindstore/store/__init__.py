"""The waist: what a store is asked and answers, and how its programs are run."""
