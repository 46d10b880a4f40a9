"""Other stores, each used as its documentation says, and the same chunks and questions for all of them."""
