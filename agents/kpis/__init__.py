"""Key figures of runs, of the people behind them and of what is published, over time; nothing here changes a row."""
